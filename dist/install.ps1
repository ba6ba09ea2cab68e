# Finds or installs the longshore binary on Windows and runs `longshore action`; dist/install.sh says the rest.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
function Fail($text) { Write-Host "::error title=longshore::$($text -replace '%', '%25' -replace "`r|`n", ' ')"; exit 2 }
$binary = if ($env:LONGSHORE_ACTION_BINARY) { $env:LONGSHORE_ACTION_BINARY } else { $env:LONGSHORE_BINARY }
if (-not $binary) {
  if ($env:LONGSHORE_ACTION_FALLBACK -notin $null, '', 'cargo') { Fail "the input fallback is 'cargo' or empty" }
  $folder = Join-Path $env:RUNNER_TEMP "longshore-binary-$([guid]::NewGuid())"
  $target = 'x86_64-pc-windows-msvc' # Windows on ARM runs it, too.
  $rows = @(Get-Content "$PSScriptRoot/checksums.txt" | Where-Object { $_ -match '^[^#\s]\S* \S+ [0-9a-f]{64}$' } | ForEach-Object { , ($_ -split ' ') })
  $version = if ($env:LONGSHORE_ACTION_VERSION) { $env:LONGSHORE_ACTION_VERSION -replace '^v' } elseif ($rows) { $rows[-1][0] }
  $row = $rows | Where-Object { $_[0] -eq $version -and $_[1] -eq $target } | Select-Object -First 1
  if ($row) {
    $url = "https://github.com/longshore-release/longshore/releases/download/v$version/longshore-$target.zip"
    Invoke-WebRequest -Uri $url -OutFile "$folder.zip" -MaximumRetryCount 5 -RetryIntervalSec 5 -SslProtocol 'Tls12, Tls13'
    $found = (Get-FileHash -Algorithm SHA256 "$folder.zip").Hash
    if ($found -ne $row[2]) { Fail "$url has the sha256 $found and not $($row[2]), which this action pins: nothing was run" }
    Expand-Archive -LiteralPath "$folder.zip" -DestinationPath $folder
    $binary = "$folder/longshore.exe"
  } elseif ($env:LONGSHORE_ACTION_FALLBACK -eq 'cargo') {
    $own = (Select-String '^version = "(.*)"$' "$env:GITHUB_ACTION_PATH/Cargo.toml" | Select-Object -First 1).Matches.Groups[1].Value
    if ($env:LONGSHORE_ACTION_VERSION -and $version -ne $own) { Fail "this action's source is longshore ${own}: fallback: cargo cannot make $version" }
    cargo install --locked --quiet --path $env:GITHUB_ACTION_PATH --root $folder --target-dir "$env:RUNNER_TEMP/longshore-cargo"
    if ($LASTEXITCODE) { Fail 'cargo could not compile longshore' }
    $binary = "$folder/bin/longshore.exe"
  } else { Fail "no checksum of longshore '$version' for $target is in this action: pin a commit after a release, use fallback: cargo, or name a binary" }
}
& $binary action
exit $LASTEXITCODE
