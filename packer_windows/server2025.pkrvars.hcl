# Windows Server 2025 Standard with a desktop, evaluation: 180 days. 6.0 GB. The kernel of Windows 11 24H2, and asks for no TPM.
# The medium of September 2024, for its digest is known from several places; a newer one needs its own address and digest.
name            = "windows-server-2025"
system          = "server"
iso_url         = "https://software-static.download.prss.microsoft.com/dbazure/888969d5-f34g-4e03-ac9d-1f9786c66749/26100.1742.240906-0331.ge_release_svc_refresh_SERVER_EVAL_x64FRE_en-us.iso"
iso_checksum    = "sha256:d0ef4502e350e3c6c53c15b1b3020d38a5ded011bf04998e950720ac8579b23d"
image_index     = 2
evaluation_days = 180
drivers         = "2k25"
virtualbox_os   = "Windows2022_64"
