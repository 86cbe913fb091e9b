// hello prints who it is for and where it runs.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Println("hello", os.Args[1:], "from", runtime.GOOS)
}
