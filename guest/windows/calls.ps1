# Purpose: part of mayfly-guest.ps1: what it tells the controller. See: ../contract.md, "The calls".

$tailBytes = @{ Runner = 40000; Guest = 16000 }

function Send-Report([hashtable] $report) {
    Send-Told 'report' (ConvertTo-Json $report -Compress) 'application/json'
}

# NB: what cannot be delivered in half a minute is given up: powering off tells the same.
function Send-Told([string] $path, [string] $body, [string] $type) {
    $status = 0
    foreach ($pauseMs in 500, 1000, 2000, 4000, 8000, 8000, 0) {
        $status = (Invoke-Call $path $body $type 10).Status
        if ($status -eq 401 -or ($status -ge 200 -and $status -lt 300)) { return }
        Start-Sleep -Milliseconds $pauseMs
    }
    Write-Said "the controller did not take the ${path}: $status"
}

# NB: the log goes first: the controller destroys the VM when it hears of the failure.
function Send-Failure([string] $text) {
    $guest.HasTold = $true
    Send-Log
    Send-Report @{ stage = 'failed'; text = (Protect-Text $text) }
}

function Send-Log {
    $runner = Read-Tail $places.RunnerLog $tailBytes.Runner
    $own = Read-Tail $places.GuestLog $tailBytes.Guest
    $text = "--- runner`n$runner`n--- guest`n$own".Replace([string] [char] 0, '')
    $text = Protect-Text $text
    # NB: bytes that are no text have become longer, and a body has 64 KiB at most.
    if ([Text.Encoding]::UTF8.GetByteCount($text) -gt 64000) { $text = $text.Substring([Math]::Max(0, $text.Length - 20000)) }
    Send-Told 'log' $text 'text/plain'
}

function Read-Tail([string] $path, [int] $bytes) {
    if (-not (Test-Path -LiteralPath $path)) { return '' }
    $file = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]::ReadWrite)
    try {
        [void] $file.Seek([Math]::Max(0, $file.Length - $bytes), [IO.SeekOrigin]::Begin)
        return [IO.StreamReader]::new($file).ReadToEnd()
    } finally {
        $file.Dispose()
    }
}

function Protect-Text([string] $text) {
    foreach ($secret in @($guest.Token) + $guest.Secrets) {
        if ($secret) { $text = $text.Replace($secret, '(secret)') }
    }
    return $text
}
