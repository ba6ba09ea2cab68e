# Finds or installs the longshore binary on Windows and runs `longshore action`; dist/install.sh says the rest.
#Requires -Version 7
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
# What a program ends with is read below; it is no exception.
$PSNativeCommandUseErrorActionPreference = $false
function Fail($text) { Write-Host "::error title=longshore::$($text -replace '%', '%25' -replace "`r|`n", ' ')"; exit 2 }

# Connections that break are tried again: -MaximumRetryCount is for answers only.
function Fetch($url, $file) {
  for ($try = 1; ; $try++) {
    try { Invoke-WebRequest -Uri $url -OutFile $file -TimeoutSec 600; return }
    catch { if ($try -ge 5) { Fail "cannot download ${url}: $($_.Exception.Message): re-run the job, or name a binary" } }
    Start-Sleep -Seconds (2 * $try)
  }
}

# This action's own source, with its own toolchain, out of sight of the job's secrets.
function Compile($folder) {
  if (-not (Get-Command cargo -ErrorAction SilentlyContinue)) { Fail 'fallback: cargo needs cargo: install Rust in an earlier step' }
  $hidden = @(Get-ChildItem env: | Where-Object { $_.Name -notlike 'CARGO_*' -and
      ($_.Name -match 'TOKEN|SECRET|PASSWORD|KEY' -or $_.Name -match '^GITHUB_(ENV|OUTPUT|PATH|STATE|STEP_SUMMARY)$') })
  $hidden | ForEach-Object { Remove-Item -LiteralPath "env:$($_.Name)" }
  cargo install --locked --quiet --path $env:GITHUB_ACTION_PATH --root $folder --target-dir "$env:RUNNER_TEMP/longshore-cargo"
  $code = $LASTEXITCODE
  $hidden | ForEach-Object { Set-Item -LiteralPath "env:$($_.Name)" -Value $_.Value }
  if ($code) { Fail 'cargo could not compile longshore: see above' }
}

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
    Fetch $url "$folder.zip"
    $found = (Get-FileHash -Algorithm SHA256 "$folder.zip").Hash
    if ($found -ne $row[2]) { Fail "$url has the sha256 $found and not $($row[2]), which this action pins: nothing was run" }
    Expand-Archive -LiteralPath "$folder.zip" -DestinationPath $folder
    $binary = "$folder/longshore.exe"
  } elseif ($env:LONGSHORE_ACTION_FALLBACK -eq 'cargo') {
    $own = (Select-String '^version = "(.*)"$' "$env:GITHUB_ACTION_PATH/Cargo.toml" | Select-Object -First 1).Matches.Groups[1].Value
    if ($env:LONGSHORE_ACTION_VERSION -and $version -ne $own) { Fail "this action's source is longshore ${own}: fallback: cargo cannot make $version" }
    Compile $folder
    $binary = "$folder/bin/longshore.exe"
  } else { Fail "no checksum of longshore '$version' for $target is in this action: pin a commit after a release, use fallback: cargo, or name a binary" }
}
# PowerShell starts a bare name from PATH only.
if ($binary -notmatch '[\\/]') { $binary = "./$binary" }
if (-not (Test-Path -LiteralPath $binary -PathType Leaf)) { Fail "$binary is not there" }
& $binary action
exit $LASTEXITCODE
