# Purpose: part of mayfly-guest.ps1: one HTTPS call, trusted by the seed's certificate authority alone. See: ../contract.md, "The calls".
#
# NB: 5.1 and 7 have no HTTP client in common that takes an authority of one's own: HttpWebRequest asks a callback of the whole process, which
# 7 passes over; HttpClient asks one on a thread where PowerShell cannot run. A TLS stream is the same in both, goes through no proxy,
# and calls back on the thread that waits for it.

# Answers the status, 0 without an answer, and the body.
function Invoke-Call([string] $path, [string] $body, [string] $type, [int] $limitSeconds) {
    $uri = [Uri] "$($guest.Url)/guest/v1/$path"
    $client = $null
    try {
        $client = Connect-Controller $uri
        $tls = Open-Tls $client.GetStream() $uri.DnsSafeHost ($limitSeconds * 1000)
        Send-Request $tls $uri $body $type
        return Read-Answer $tls
    } catch {
        [IO.File]::AppendAllText($places.GuestLog, "call ${path}: $(Protect-Text ($_.Exception.GetBaseException().Message))`n")
        return @{ Status = 0; Body = '' }
    } finally {
        if ($null -ne $client) { $client.Close() }
    }
}

function Connect-Controller([Uri] $uri) {
    foreach ($address in [Net.Dns]::GetHostAddresses($uri.DnsSafeHost)) {
        $client = [Net.Sockets.TcpClient]::new($address.AddressFamily)
        try {
            if ($client.ConnectAsync($address, $uri.Port).Wait(5000)) { return $client }
        } catch {
            [IO.File]::AppendAllText($places.GuestLog, "connect: $($_.Exception.GetBaseException().Message)`n")
        }
        $client.Close()
    }
    throw "$($uri.Authority) does not answer"
}

# WARN: the callback lets every certificate pass; it is looked at right after the handshake, and nothing is sent before.
function Open-Tls([IO.Stream] $stream, [string] $name, [int] $limitMs) {
    $pass = [Net.Security.RemoteCertificateValidationCallback] { $true }
    $tls = [Net.Security.SslStream]::new($stream, $false, $pass)
    $tls.ReadTimeout = $limitMs
    $tls.WriteTimeout = 10000
    $tls.AuthenticateAsClient($name, $null, [Security.Authentication.SslProtocols]::Tls12, $false)
    $certificate = [Security.Cryptography.X509Certificates.X509Certificate2]::new($tls.RemoteCertificate)
    if (-not (Test-Signed $certificate)) { throw "the certificate of $name is not of this machine's authority, or not of this time" }
    if ((Get-CertificateName $certificate) -notcontains (ConvertTo-PlainName $name)) { throw "the certificate is not that of $name" }
    return $tls
}

# NB: an authority that the system does not know is what we have, and .NET Framework cannot be told which one to trust. So every authority
# passes, and the one that the chain ends in is compared, byte by byte. Signatures and dates are tested as ever.
function Test-Signed($certificate) {
    $chain = [Security.Cryptography.X509Certificates.X509Chain]::new()
    $chain.ChainPolicy.RevocationMode = [Security.Cryptography.X509Certificates.X509RevocationMode]::NoCheck
    $chain.ChainPolicy.VerificationFlags = [Security.Cryptography.X509Certificates.X509VerificationFlags]::AllowUnknownCertificateAuthority
    [void] $chain.ChainPolicy.ExtraStore.Add($guest.Authority)
    if (-not $chain.Build($certificate)) { return $false }
    $last = $chain.ChainElements[$chain.ChainElements.Count - 1].Certificate
    return [Convert]::ToBase64String($last.RawData) -ceq [Convert]::ToBase64String($guest.Authority.RawData)
}

# The names and addresses that a certificate is good for.
# NB: read by hand, for .NET Framework knows the extension only as a text in the system's language. See: RFC 5280, 4.2.1.6.
function Get-CertificateName($certificate) {
    $extension = $certificate.Extensions['2.5.29.17']
    if ($null -eq $extension) { return }
    $bytes = $extension.RawData
    $list = Read-Der $bytes 0
    for ($at = $list.From; $at -lt $list.To; $at = $entry.To) {
        $entry = Read-Der $bytes $at
        if ($entry.To -le $entry.From) { continue }
        $content = [byte[]] $bytes[$entry.From..($entry.To - 1)]
        switch ($entry.Tag) {
            0x82 { [Text.Encoding]::ASCII.GetString($content).ToLowerInvariant() }
            0x87 { [Net.IPAddress]::new($content).ToString() }
        }
    }
}

# Where the content of a DER element lies that begins at a place.
function Read-Der([byte[]] $bytes, [int] $at) {
    $length = [int] $bytes[$at + 1]
    $from = $at + 2
    if ($length -gt 127) {
        $count = $length - 128
        $length = 0
        for ($i = 0; $i -lt $count; $i++) { $length = $length * 256 + $bytes[$from + $i] }
        $from += $count
    }
    return @{ Tag = [int] $bytes[$at]; From = $from; To = $from + $length }
}

function ConvertTo-PlainName([string] $name) {
    $address = $null
    if ([Net.IPAddress]::TryParse($name, [ref] $address)) { return $address.ToString() }
    return $name.ToLowerInvariant()
}

# NB: HTTP 1.0, so that the answer does not come in chunks, and ends with the connection.
function Send-Request([Net.Security.SslStream] $tls, [Uri] $uri, [string] $body, [string] $type) {
    $content = [Text.Encoding]::UTF8.GetBytes($body)
    $lines = @(
        "POST $($uri.AbsolutePath) HTTP/1.0", "Host: $($uri.Authority)", "Authorization: Bearer $($guest.Token)",
        "Content-Type: $type", "Content-Length: $($content.Length)", '', ''
    )
    $head = [Text.Encoding]::ASCII.GetBytes($lines -join "`r`n")
    $tls.Write($head, 0, $head.Length)
    $tls.Write($content, 0, $content.Length)
    $tls.Flush()
}

function Read-Answer([Net.Security.SslStream] $tls) {
    $read = [IO.MemoryStream]::new()
    $tls.CopyTo($read)
    $text = [Text.Encoding]::UTF8.GetString($read.ToArray())
    if ($text -notmatch '^HTTP/1\.\d (\d{3})') { throw 'the answer is not HTTP' }
    $status = [int] $Matches[1]
    $end = $text.IndexOf("`r`n`r`n")
    return @{ Status = $status; Body = $text.Substring($end + 4) }
}
