# Purpose: step 40 of an image: Git and PowerShell 7, which GitHub's own actions and `shell: pwsh` call. A compiler for mex comes with
#   MATLAB, as the product MATLAB_Support_for_MinGW-w64_C/C++/Fortran_Compiler of mpm.
# Input: their installers, pinned by ../media.lock.json, in C:\mayfly-build\files.
# Result: both on the PATH of the machine. Safe to repeat.

. C:\mayfly-build\lib.ps1

Say 'installing Git and PowerShell 7'
Invoke-Program "$files\git.exe" @('/VERYSILENT', '/NORESTART', '/SUPPRESSMSGBOXES', '/NOCANCEL', '/o:PathOption=Cmd', '/o:CRLFOption=CRLFCommitAsIs')
Install-Package "$files\powershell.msi" @('ADD_PATH=1', 'USE_MU=0', 'ENABLE_MU=0')

foreach ($program in "$env:ProgramFiles\Git\cmd\git.exe", "$env:ProgramFiles\PowerShell\7\pwsh.exe") {
    if (-not (Test-Path $program)) { throw "$program is not there, whatever its installer said" }
    Say "$(& $program --version)"
}
exit 0
