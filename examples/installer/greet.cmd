@echo off
echo hello from the installed program
