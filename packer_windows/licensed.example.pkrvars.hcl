# A site's own, licensed medium. Copy this file, and put in what is yours.
# The product key does not belong in here: export PKR_VAR_product_key. With a KMS of the site it is the edition's generic volume key (GVLK).
# See: learn.microsoft.com, "Key Management Services (KMS) client activation and product keys".
name            = "windows-server-2025-licensed"
system          = "server"
iso_url         = "/srv/iso/SW_DVD9_Win_Server_STD_CORE_2025_64Bit_English.iso"
iso_checksum    = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
image_index     = 2
evaluation_days = 0
drivers         = "2k25"
virtualbox_os   = "Windows2022_64"
kms_server      = "kms.example.org:1688"
