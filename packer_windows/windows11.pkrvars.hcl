# Windows 11 Enterprise 25H2, evaluation: 90 days. 7.1 GB. For jobs that need a desktop's Windows; a Server is the easier one.
name            = "windows-11"
system          = "client"
iso_url         = "https://software-static.download.prss.microsoft.com/dbazure/888969d5-f34g-4e03-ac9d-1f9786c66749/26200.6584.250915-1905.25h2_ge_release_svc_refresh_CLIENTENTERPRISEEVAL_OEMRET_x64FRE_en-us.iso"
iso_checksum    = "sha256:a61adeab895ef5a4db436e0a7011c92a2ff17bb0357f58b13bbc4062e535e7b9"
image_index     = 1
evaluation_days = 90
drivers         = "w11"
virtualbox_os   = "Windows11_64"
