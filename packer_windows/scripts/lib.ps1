# Purpose: what the scripts of this folder share. To be dot-sourced, not run. For Windows PowerShell 5.1; plain ASCII, for it takes other
#   texts for the machine's own code page.
# Input: MAYFLY_TARGET, box or cloud. WARN: the scripts turn the machine they run on into an image, so they refuse any other.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
# NB: the bar that shows a download's progress makes it many times slower.
$ProgressPreference = 'SilentlyContinue'

# The second CD's content, on the disk. The last script removes it.
$build = 'C:\mayfly-build'
$files = "$build\files"
$out = "$build\out"
# What stays. See: guest/contract.md, "Files and users".
$mayfly = 'C:\ProgramData\Mayfly'
$runnerFolder = 'C:\actions-runner'

if (-not (Test-Path $build)) {
    throw 'makes this machine an image, and removes accounts. It runs in a VM that build.sh has made, and nowhere else'
}

# NB: Packer says which script is speaking.
function Say([string]$Text) {
    Write-Output "- $Text"
}

# The value of a variable of the environment; an empty text if there is none.
function Get-Setting([string]$Name) {
    [string][Environment]::GetEnvironmentVariable($Name)
}

# Runs an installer to its end, within a time. NB: 3010 is "done, and wants a restart"; Packer restarts anyway.
function Invoke-Program([string]$File, [string[]]$Arguments, [int]$Minutes = 30, [int[]]$Fine = @(0, 3010)) {
    $process = Start-Process -FilePath $File -ArgumentList $Arguments -PassThru -WindowStyle Hidden
    # NB: without a look at its handle the exit code is lost when the process ends.
    $null = $process.Handle
    if (-not $process.WaitForExit($Minutes * 60000)) {
        Stop-Process -InputObject $process -Force
        throw "$File has not ended within $Minutes minutes"
    }
    if ($Fine -notcontains $process.ExitCode) {
        throw "$File ended with the exit code $($process.ExitCode)"
    }
}

function Install-Package([string]$File, [string[]]$Properties = @()) {
    $log = "$build\$(Split-Path -Leaf $File).log"
    try {
        Invoke-Program 'msiexec.exe' (@('/i', "`"$File`"", '/qn', '/norestart', '/l*', "`"$log`"") + $Properties)
    } catch {
        Show-Tail $log
        throw
    }
}

function Show-Tail([string]$Log, [int]$Lines = 60) {
    if (-not (Test-Path $Log)) { return }
    Write-Output "--- $Log"
    # NB: MATLAB's installer notes the installation key in its log.
    Get-Content -Tail $Lines $Log | ForEach-Object { $_ -replace '(\d{5}-){3,}\d{5}', '(key)' } | Write-Output
}

function Set-Registry([string]$Key, [string]$Name, $Value, [string]$Type = 'DWord') {
    if (-not (Test-Path $Key)) { $null = New-Item -Path $Key -Force }
    $null = New-ItemProperty -Path $Key -Name $Name -Value $Value -PropertyType $Type -Force
}

# Writes a text as UTF-8 without a mark at its beginning, which PowerShell 5.1 would set.
function Write-Text([string]$File, [string]$Text) {
    [IO.File]::WriteAllText($File, $Text, (New-Object Text.UTF8Encoding $false))
}
