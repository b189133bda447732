# Purpose: step 85 of an image: whether it is what it shall be, and what it says of itself.
# Input: MAYFLY_TARGET, MAYFLY_COMMIT, MAYFLY_SOURCE_SHA256, MAYFLY_EVALUATION_DAYS, MAYFLY_VAGRANT_USER, MATLAB_RELEASE.
# Result: image.json and expiry.json in C:\mayfly-build\out, which Packer fetches; .setup_info beside the runner. Says all that is wrong at
#   once, and then stops the build. Safe to repeat: the time is the last one's.

. C:\mayfly-build\lib.ps1

$release = Get-Setting 'MATLAB_RELEASE'
$target = Get-Setting 'MAYFLY_TARGET'
$evaluationDays = [int](Get-Setting 'MAYFLY_EVALUATION_DAYS')
$lock = Get-Content -Raw "$build\guest\runner.lock.json" | ConvertFrom-Json

function Main {
    $faults = @(Find-Faults)
    if ($faults.Count) { throw "the image is not right: $($faults -join '; ')" }
    $null = New-Item -ItemType Directory -Force $out
    Write-Facts
    Write-Expiry
    Say 'is right'
}

function Find-Faults {
    # What the guest itself knows to look at: the runner's version, the rights of its user, the disk.
    $said = & "$env:ProgramFiles\Mayfly\self-test.ps1"
    if ($said -notlike 'MAYFLY-SELFTEST ok *') { "$said" }
    $noted = (Get-Content -Raw "$mayfly\runner-version").Trim()
    if ($noted -ne $lock.version) { "the runner is version $noted, not $($lock.version)" }
    if (-not (Get-LocalUser runner -ErrorAction SilentlyContinue)) { 'there is no user runner' }
    if (-not (Get-ScheduledTask -TaskName 'Mayfly guest' -ErrorAction SilentlyContinue)) { 'the guest program does not start at boot' }
    $hasVagrant = [bool](Get-LocalUser vagrant -ErrorAction SilentlyContinue)
    if ($hasVagrant -and -not ($target -eq 'box' -and (Get-Setting 'MAYFLY_VAGRANT_USER') -eq 'true')) { 'the account vagrant is there' }
    if ($release -and -not (Test-Path "C:\MATLAB\$release\bin\matlab.exe")) { "there is no MATLAB $release" }
    foreach ($program in 'git', 'pwsh') {
        if (-not (Get-Command $program -ErrorAction SilentlyContinue)) { "$program is not on the PATH" }
    }
    $hasCloudbase = [bool](Get-Service cloudbase-init -ErrorAction SilentlyContinue)
    if ($hasCloudbase -ne ($target -eq 'cloud')) { "Cloudbase-Init: $hasCloudbase, for a $target" }
    if ((Get-CimInstance Win32_ComputerSystem).Manufacturer -eq 'QEMU') { Find-MissingDrivers }
}

# A clone may find its disk on either bus. NB: Windows makes a driver's file and service when it finds the device, and this VM has one of the
# two only; what it takes for a clone is in the driver store.
function Find-MissingDrivers {
    $stored = @(Get-WindowsDriver -Online | ForEach-Object { Split-Path -Leaf $_.OriginalFileName })
    foreach ($driver in 'vioscsi', 'viostor', 'netkvm') {
        if ($stored -notcontains "$driver.inf") { "there is no driver $driver in the driver store" }
    }
}

# The names are those of the cloud's properties. See: openstack/README.md, "Properties".
function Write-Facts {
    $facts = [ordered]@{
        mayfly_runner_version     = $lock.version
        mayfly_runner_released_at = $lock.released
        mayfly_built_at           = Get-Stamp (Get-Date)
        mayfly_os                 = Get-System
        mayfly_source_sha256      = Get-Setting 'MAYFLY_SOURCE_SHA256'
    }
    if (Get-Setting 'MAYFLY_COMMIT') { $facts.mayfly_commit = Get-Setting 'MAYFLY_COMMIT' }
    if ($release) { $facts.mayfly_matlab_release = $release }
    if ($evaluationDays) { $facts.mayfly_expires_at = Get-Stamp (Get-Date).AddDays($evaluationDays) }
    Write-Text "$out\image.json" ($facts | ConvertTo-Json -Compress)
    Copy-Item "$out\image.json" "$mayfly\image.json" -Force
    # See: actions/runner, `.setup_info`: a list of groups, shown at the head of each job's log.
    $detail = ($facts.GetEnumerator() | ForEach-Object { "$($_.Key -replace '^mayfly_', ''): $($_.Value)" }) -join "`n"
    Write-Text "$runnerFolder\.setup_info" "[$(@{ group = 'Mayfly image'; detail = $detail } | ConvertTo-Json -Compress)]"
}

# As windows-server-2022-standard-evaluation, whatever the image is called: vagrant/boxes/add.sh knows Windows by how this begins.
function Get-System {
    $edition = (Get-CimInstance Win32_OperatingSystem).Caption -replace '^.*\bWindows\b'
    'windows' + ($edition.TrimEnd().ToLowerInvariant() -replace '[^a-z0-9]+', '-')
}

# Of a trial: until when, and how often it may be begun anew. See: docs/images.md, "The trial clock".
function Write-Expiry {
    $product = Get-CimInstance SoftwareLicensingProduct -Filter "PartialProductKey IS NOT NULL AND ApplicationID = '55c92734-d682-4d71-983e-d6ec3f16059f'" |
        Select-Object -First 1
    $expiry = [ordered]@{
        edition        = (Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion').EditionID
        license        = if ($product) { $product.Description } else { 'unknown' }
        builtAt        = Get-Stamp (Get-Date)
        evaluationDays = $evaluationDays
        rearmsLeft     = (Get-CimInstance SoftwareLicensingService).RemainingWindowsReArmCount
    }
    if ($evaluationDays) { $expiry.expiresAt = Get-Stamp (Get-Date).AddDays($evaluationDays) }
    $isTrial = $expiry.edition -like '*Eval*' -or "$($expiry.license)" -like '*EVAL*'
    if ($isTrial -and -not $evaluationDays) { throw "this is a trial edition ($($expiry.edition)): set evaluation_days" }
    if ($isTrial -and $expiry.rearmsLeft -lt 1) { throw 'this trial has no rearm left, so a clone could not begin it anew. Build from the medium' }
    Write-Text "$out\expiry.json" ($expiry | ConvertTo-Json -Compress)
}

function Get-Stamp([DateTime]$Time) {
    $Time.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', [Globalization.CultureInfo]::InvariantCulture)
}

Main
exit 0
