; A silent installer of 64 bits: Casement runs no 32-bit programs, which NSIS makes unless it is told otherwise.
Target amd64-unicode
OutFile setup.exe
InstallDir "C:\Program Files\Greeting"
RequestExecutionLevel admin
Section
  SetOutPath $INSTDIR
  File greet.cmd
  SetRegView 64
  WriteRegStr HKLM "Software\Acme\Greeting" "Version" "2.0"
SectionEnd
