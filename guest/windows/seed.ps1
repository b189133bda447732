# Purpose: part of mayfly-guest.ps1: finds the seed, reads it, and puts it away. See: ../contract.md, "The seed".

$seedLine = 'MAYFLYSEED1'
$testLine = 'MAYFLYSELFTEST1'

# Its place and text. Windows may show a disk or a drive a good while after we start.
# NB: a drive that Windows is about to show cannot be read for a moment, at any moment. So it is a failure only if no look succeeded: one that
# found nothing says that this VM is not ours, and it may be in the middle of something.
function Find-Seed {
    $seconds = 30
    if ($env:MAYFLY_SEED_SECONDS) { $seconds = [int] $env:MAYFLY_SEED_SECONDS }
    $looked = [Diagnostics.Stopwatch]::StartNew()
    $hasLooked = $false
    $fault = ''
    do {
        $seed = $null
        try {
            $seed = Find-SeedOnce
            $hasLooked = $true
        } catch {
            $fault = $_.Exception.Message
        }
        if ($null -ne $seed) {
            if ($seed.Kind -ne 'drive' -or $seed.Text.StartsWith("$seedLine`n") -or $seed.Text.StartsWith($testLine)) { return $seed }
            return # somebody else's user data
        }
        Start-Sleep -Milliseconds 200
    } while ($looked.Elapsed.TotalSeconds -lt $seconds)
    if (-not $hasLooked) { throw "the seed could not be looked for: $fault" }
}

function Find-SeedOnce {
    $disk = Find-SeedDisk
    if ($null -ne $disk -and $disk.Text.StartsWith("$seedLine`n")) { return @{ Kind = 'disk'; Path = $disk.Path; Text = $disk.Text } }
    if (Test-Path -LiteralPath $places.SeedFile) {
        $text = [IO.File]::ReadAllText($places.SeedFile)
        if ($text) { return @{ Kind = 'file'; Path = $places.SeedFile; Text = $text } }
    }
    foreach ($drive in Get-ConfigDrive) {
        $file = Join-Path $drive 'openstack/latest/user_data'
        if (Test-Path -LiteralPath $file) { return @{ Kind = 'drive'; Path = $drive; Text = [IO.File]::ReadAllText($file) } }
    }
}

function Read-Seed([hashtable] $seed) {
    Hide-Seed $seed
    $fields = ConvertTo-Field $seed.Text
    $seed.Text = ''
    $guest.Machine = Get-Field $fields 'machine' '^[A-Za-z0-9-]{1,63}$'
    $guest.Url = Get-Field $fields 'url' '^https://[^/\s]+$'
    $guest.LifeSeconds = [int] (Get-Field $fields 'lifeSeconds' '^[1-9][0-9]{0,7}$')
    $guest.Authority = ConvertTo-Certificate (Get-Field $fields 'ca' 'CERTIFICATE')
    # NB: last, so that a seed that cannot be understood is told to nobody.
    $guest.Token = Get-Field $fields 'token' '^[A-Za-z0-9_.~-]{16,200}$'
}

# NB: user data can not be wiped, only put out of the job's reach.
function Hide-Seed([hashtable] $seed) {
    try {
        switch ($seed.Kind) {
            'disk' { Clear-SeedDisk $seed.Path }
            'file' { Remove-SeedFile $seed.Path }
            'drive' { Hide-ConfigDrive $seed.Path }
        }
    } catch {
        Write-Said "the seed at $($seed.Path) could not be put away, the job may be able to read it: $($_.Exception.Message)"
    }
}

function Remove-SeedFile([string] $path) {
    [IO.File]::WriteAllBytes($path, [byte[]]::new([int] (Get-Item -LiteralPath $path).Length))
    [IO.File]::Delete($path)
}

function ConvertTo-Field([string] $text) {
    if ($text.StartsWith("$seedLine`n")) { $text = $text.Substring($seedLine.Length + 1) }
    try { return ConvertFrom-Json $text } catch { throw "the seed is no JSON" }
}

function Get-Field($fields, [string] $name, [string] $pattern) {
    $value = ''
    if ($null -ne $fields -and $fields.PSObject.Properties[$name]) { $value = [string] $fields.$name }
    if ($value -notmatch $pattern) { throw "the seed's $name is not as it must be" }
    return $value
}

function ConvertTo-Certificate([string] $pem) {
    try {
        return [Security.Cryptography.X509Certificates.X509Certificate2]::new([Convert]::FromBase64String(($pem -replace '-----[^-]+-----|\s')))
    } catch {
        throw "the seed's ca is not as it must be"
    }
}
