@echo off
echo goodbye from the installed package
