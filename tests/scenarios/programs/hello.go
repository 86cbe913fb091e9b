// Says where it runs and what it was given.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Println("hello from", runtime.GOOS, os.Args[1:])
	os.Exit(3)
}
