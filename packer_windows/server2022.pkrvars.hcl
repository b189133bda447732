# Windows Server 2022 Standard with a desktop, evaluation: 180 days. 5.0 GB. Good for MATLAB, and asks for no TPM.
name            = "windows-server-2022"
system          = "server"
iso_url         = "https://software-static.download.prss.microsoft.com/sg/download/888969d5-f34g-4e03-ac9d-1f9786c66749/SERVER_EVAL_x64FRE_en-us.iso"
iso_checksum    = "sha256:3e4fa6d8507b554856fc9ca6079cc402df11a8b79344871669f0251535255325"
image_index     = 2
evaluation_days = 180
drivers         = "2k22"
virtualbox_os   = "Windows2022_64"
