# Purpose: installs GitHub's runner, as pinned by version and SHA-256 in runner.lock.json, for the user `runner`, whom install-guest.ps1 makes.
# Input: MAYFLY_RUNNER_MIRROR, an address to download from in place of GitHub's (https, http or file; the file's name is added to it);
# MAYFLY_RUNNER_LOCK, another lock file. Result: C:\actions-runner, warmed up, and its version in C:\ProgramData\Mayfly\runner-version.
# Safe to repeat. Needs an administrator. Runs in Windows PowerShell 5.1 and PowerShell 7.
[CmdletBinding()]
param()

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$folder = 'C:\actions-runner'
$versionFile = Join-Path $env:ProgramData 'Mayfly\runner-version'
$lock = Join-Path (Split-Path -Parent $PSScriptRoot) 'runner.lock.json'
if ($env:MAYFLY_RUNNER_LOCK) { $lock = $env:MAYFLY_RUNNER_LOCK }

function Install-Runner {
    $pinned = Read-Lock
    if (Test-Installed $pinned.Version) { Write-Output "install-runner: version $($pinned.Version) is installed already"; return }
    $archive = Join-Path ([IO.Path]::GetTempPath()) $pinned.File
    try {
        Get-Archive $pinned $archive
        Expand-Runner $archive
    } finally {
        if (Test-Path -LiteralPath $archive) { Remove-Item -LiteralPath $archive -Force }
    }
    Grant-Runner
    Test-Runner $pinned.Version
    Write-Output "install-runner: version $($pinned.Version) is installed"
}

function Read-Lock {
    $arch = 'x64'
    if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64') { $arch = 'arm64' }
    $content = ConvertFrom-Json ([IO.File]::ReadAllText($lock))
    $entry = $content.archives.PSObject.Properties["win-$arch"]
    if ($null -eq $entry -or -not $entry.Value.PSObject.Properties['sha256'] -or $entry.Value.sha256 -notmatch '^[0-9a-f]{64}$') {
        throw "$lock has no file with a SHA-256 for win-$arch"
    }
    if ($entry.Value.file -notmatch '^[A-Za-z0-9._-]+$') { throw "$lock has no file for win-$arch" }
    return @{ Version = $content.version; File = $entry.Value.file; Sha256 = $entry.Value.sha256 }
}

function Test-Installed([string] $version) {
    if (-not (Test-Path -LiteralPath "$folder\bin\Runner.Listener.exe") -or -not (Test-Path -LiteralPath $versionFile)) { return $false }
    return [IO.File]::ReadAllText($versionFile).Trim() -eq $version
}

# NB: WebClient is the one client of 5.1 and 7 that reads files, too. 5.1 speaks TLS 1.2 only when told.
# See: github.com/actions/runner/releases, whose notes hold the digests.
function Get-Archive([hashtable] $pinned, [string] $archive) {
    $mirror = "https://github.com/actions/runner/releases/download/v$($pinned.Version)"
    if ($env:MAYFLY_RUNNER_MIRROR) { $mirror = $env:MAYFLY_RUNNER_MIRROR }
    $from = "$mirror/$($pinned.File)"
    Write-Output "install-runner: downloading $from"
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    for ($try = 1; ; $try++) {
        try { [Net.WebClient]::new().DownloadFile($from, $archive); break } catch {
            if ($try -ge 3) { throw "cannot download ${from}: $($_.Exception.GetBaseException().Message)" }
            Start-Sleep -Seconds 2
        }
    }
    if ((Get-FileHash -LiteralPath $archive -Algorithm SHA256).Hash -ne $pinned.Sha256) {
        throw "$from does not have the SHA-256 $($pinned.Sha256): it is not what the lock file names, and was not installed"
    }
}

function Expand-Runner([string] $archive) {
    if (Test-Path -LiteralPath "$folder.new") { Remove-Item -LiteralPath "$folder.new" -Recurse -Force }
    Add-Type -AssemblyName System.IO.Compression.FileSystem
    [IO.Compression.ZipFile]::ExtractToDirectory($archive, "$folder.new")
    if (-not (Test-Path -LiteralPath "$folder.new\bin\Runner.Listener.exe")) { throw 'the archive holds no bin\Runner.Listener.exe' }
    if (Test-Path -LiteralPath $folder) { Remove-Item -LiteralPath $folder -Recurse -Force }
    Move-Item -LiteralPath "$folder.new" -Destination $folder
}

# The runner and its jobs work in this folder; other users have nothing to look for in it.
function Grant-Runner {
    & icacls.exe $folder /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' 'runner:(OI)(CI)M' /q | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "the rights of $folder could not be set" }
}

# NB: the first start of .NET's programs is the slowest. See: actions/runner, `warmup`.
function Test-Runner([string] $version) {
    & "$folder\bin\Runner.Listener.exe" warmup | Out-Null
    if ($LASTEXITCODE -ne 0) { throw 'the runner does not start' }
    $told = & "$folder\bin\Runner.Listener.exe" --version
    if ($told -ne $version) { throw "the runner says that it is version $told, not $version" }
    # NB: the guest takes a log that is left here for the trace of a job.
    if (Test-Path -LiteralPath "$folder\_diag") { Remove-Item -LiteralPath "$folder\_diag" -Recurse -Force }
    [void] [IO.Directory]::CreateDirectory((Split-Path -Parent $versionFile))
    [IO.File]::WriteAllText($versionFile, "$version`n")
}

Install-Runner
