# Windows 10 Enterprise 22H2, evaluation: 90 days. 5.6 GB. The original's system.
# WARN: Microsoft has ended its support on 2025-10-14. There are no security updates any more: for tests of old programs only.
name            = "windows-10"
system          = "client"
iso_url         = "https://software-static.download.prss.microsoft.com/dbazure/988969d5-f34g-4e03-ac9d-1f9786c66750/19045.2006.220908-0225.22h2_release_svc_refresh_CLIENTENTERPRISEEVAL_OEMRET_x64FRE_en-us.iso"
iso_checksum    = "sha256:ef7312733a9f5d7d51cfa04ac497671995674ca5e1058d5164d6028f0938d668"
image_index     = 1
evaluation_days = 90
drivers         = "w10"
virtualbox_os   = "Windows10_64"
end_of_life     = "2025-10-14"
