# Purpose: step 50 of an image: MATLAB, if it is wanted, by MathWorks' mpm or from a site's own medium, and the proof that it is there.
# Input: none of these: nothing is done.
#   MATLAB_RELEASE         as R2025b. What is installed, in C:\MATLAB\<release>: compilers break on the blank in "Program Files"
#   MATLAB_PRODUCTS        mpm's names of products, separated by blanks
#   MATLAB_FROM_ISO        true: from the medium, a CD with setup.exe, and installer_input.txt in C:\mayfly-build\files
#   MATLAB_LICENSE_SERVER  as 27000@licence.example.org, for the proof; or license.lic in C:\mayfly-build\files, which stays in the image
#   MATLAB_PROVE           true: MATLAB is started, too
#   MPM_SHA256             digest of mpm; empty: it is told, and not compared
# Result: MATLAB, on the PATH. Its exit codes tell little: what counts is bin\matlab.exe. Safe to repeat.

. C:\mayfly-build\lib.ps1

$release = Get-Setting 'MATLAB_RELEASE'
$folder = "C:\MATLAB\$release"
$matlab = "$folder\bin\matlab.exe"
$license = "$files\license.lic"
$installMinutes = 120
$proveMinutes = 15

function Main {
    if (-not $release) {
        Say 'MATLAB is not wanted'
        return
    }
    if ($release -notmatch '^R20\d\d[ab]$') { throw "MATLAB_RELEASE is written as R2025b, not '$release'" }
    if (Test-Path $matlab) {
        Say "$release is installed already"
    } elseif ((Get-Setting 'MATLAB_FROM_ISO') -eq 'true') {
        Install-FromMedium
    } else {
        Install-ByMpm
    }
    if (-not (Test-Path $matlab)) { throw "there is no $matlab, whatever the installer said" }
    Add-ToPath "$folder\bin"
    Add-License
    if ((Get-Setting 'MATLAB_PROVE') -eq 'true') { Test-Matlab } else { Say "$release is there, and was not started" }
}

# NB: mpm breaks off now and then, in the middle of a download; what it has, it does not fetch again.
function Install-ByMpm {
    $mpm = "$build\mpm.exe"
    Get-Mpm $mpm
    $arguments = @('install', "--release=$release", "--destination=$folder", '--products') + (Get-Setting 'MATLAB_PRODUCTS').Split(' ')
    foreach ($try in 1, 2, 3) {
        Say "installing $release by mpm: $(Get-Setting 'MATLAB_PRODUCTS') (try $try of 3)"
        try {
            Invoke-Program $mpm $arguments $installMinutes
            if (Test-Path $matlab) { return }
        } catch {
            Say "$_"
        }
        Get-ChildItem "$env:TEMP\mathworks_*.log" -ErrorAction SilentlyContinue | ForEach-Object { Show-Tail $_.FullName }
        if ($try -lt 3) { Start-Sleep -Seconds 30 }
    }
    throw "mpm did not install $release in three tries: what it said is above"
}

# MathWorks replaces it often, at the same address.
function Get-Mpm([string]$File) {
    $wanted = Get-Setting 'MPM_SHA256'
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    Invoke-WebRequest -UseBasicParsing -Uri 'https://www.mathworks.com/mpm/win64/mpm' -OutFile $File
    $found = (Get-FileHash -Algorithm SHA256 $File).Hash.ToLowerInvariant()
    if (-not $wanted) {
        Say "mpm is not pinned; its SHA-256 is $found"
    } elseif ($found -ne $wanted) {
        throw "mpm has the SHA-256 $found, not ${wanted}: it was not used"
    }
}

function Install-FromMedium {
    $medium = Find-Medium
    $log = "$build\matlab.log"
    Write-Text "$build\installer_input.txt" (Get-InstallerInput $log)
    Say "installing $release from the medium"
    # NB: setup.exe only starts the installer proper, and ends. The installer's log tells when that has ended.
    Start-Process -FilePath "$medium\setup.exe" -ArgumentList '-mode', 'silent', '-inputFile', "$build\installer_input.txt"
    $end = (Get-Date).AddMinutes($installMinutes)
    while ((Get-Date) -lt $end) {
        Start-Sleep -Seconds 10
        if ((Test-Path $log) -and (Select-String -Quiet -Path $log -Pattern 'Exiting with status', 'End - (Uns|S)uccessful')) { break }
    }
    if (-not (Test-Path $matlab)) { Show-Tail $log }
    Remove-Item "$build\installer_input.txt"
}

# By what lies on it, for Windows' own medium has a setup.exe, too.
function Find-Medium {
    foreach ($drive in Get-PSDrive -PSProvider FileSystem) {
        if ((Test-Path "$($drive.Root)setup.exe") -and (Test-Path "$($drive.Root)installer_input.txt")) { return $drive.Root.TrimEnd('\') }
    }
    throw 'no drive holds the medium of MATLAB, with setup.exe and installer_input.txt'
}

# The person's file, but for where things go.
function Get-InstallerInput([string]$Log) {
    $lines = @(Get-Content "$files\installer_input.txt" | Where-Object { $_ -notmatch '^(destinationFolder|outputFile|mode|licensePath)=' })
    if (-not ($lines -match '^agreeToLicense=yes')) { throw 'installer_input.txt does not say agreeToLicense=yes: only you can agree to MathWorks'' licence' }
    $lines += "destinationFolder=$folder", "outputFile=$Log", 'mode=silent'
    if (Test-Path $license) { $lines += "licensePath=$license" }
    $lines -join "`r`n"
}

function Add-ToPath([string]$Folder) {
    $path = [Environment]::GetEnvironmentVariable('Path', 'Machine')
    if ($path.Split(';') -contains $Folder) { return }
    [Environment]::SetEnvironmentVariable('Path', "$path;$Folder", 'Machine')
}

function Add-License {
    if (-not (Test-Path $license)) { return }
    $null = New-Item -ItemType Directory -Force "$folder\licenses"
    Copy-Item $license "$folder\licenses\network.lic" -Force
}

function Test-Matlab {
    Say 'starting MATLAB'
    $said = "$build\matlab-proof.txt"
    $server = Get-Setting 'MATLAB_LICENSE_SERVER'
    if ($server) { $env:MLM_LICENSE_FILE = $server }
    $code = "disp(['MAYFLY' version('-release')])"
    if ((Get-Setting 'MATLAB_PRODUCTS') -match 'MinGW') {
        $code += "; cd(tempdir); mex('-setup','C++'); mex(fullfile(matlabroot,'extern','examples','mex','yprime.c'))"
    }
    try {
        Invoke-Program $matlab @('-wait', '-logfile', $said, '-batch', "`"$code`"") $proveMinutes @(0)
    } catch {
        Show-Tail $said
        throw
    }
    if (-not (Select-String -Quiet -Path $said -SimpleMatch "MAYFLY$($release.Substring(1))")) { throw "MATLAB does not say that it is $release" }
    Say "$release was started, and told its release"
}

Main
exit 0
