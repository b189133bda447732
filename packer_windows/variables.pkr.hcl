# What a variables file sets (server2022.pkrvars.hcl and its neighbours), and what build.sh sets. See: ../docs/images.md.

# --- which Windows ---

variable "name" {
  type        = string
  description = "Of the image: its files, its properties, the VM while it is built."
}

variable "system" {
  type        = string
  description = "server or client: which answer file Windows Setup gets."

  validation {
    condition     = contains(["server", "client"], var.system)
    error_message = "The system is server or client."
  }
}

variable "iso_url" {
  type        = string
  description = "Windows Setup's medium: an address, or a file of this machine."
}

variable "iso_checksum" {
  type        = string
  description = "Its SHA-256, as sha256:…; an image of a medium that nobody has checked is not built."

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.iso_checksum))
    error_message = "The iso_checksum is written as sha256: and 64 small hexadecimal digits."
  }
}

variable "image_index" {
  type        = number
  description = "Which edition of the medium: `dism /Get-WimInfo /WimFile:D:\\sources\\install.wim` lists them."
}

variable "product_key" {
  type        = string
  default     = ""
  sensitive   = true
  description = "For licensed media; a generic volume key (GVLK) where the site has a KMS. Evaluation media need none."
}

variable "evaluation_days" {
  type        = number
  description = "How long the licence of the medium lets you try it: 180 for a Server, 90 for a client. 0: it is licensed."
}

variable "tpm" {
  type        = bool
  default     = false
  description = "The VM has a TPM 2.0 while it is built, and needs one ever after. Windows 11 is told not to ask for one, if not."
}

variable "drivers" {
  type        = string
  description = "The folder of this Windows on the virtio-win medium: 2k22, 2k25, w10 or w11."
}

variable "virtualbox_os" {
  type        = string
  description = "What VirtualBox calls it: `VBoxManage list ostypes`."
}

variable "end_of_life" {
  type        = string
  default     = ""
  description = "The day, as 2025-10-14, on which its maker's support ends. After it, build.sh warns."
}

# --- what goes in ---

variable "matlab_release" {
  type        = string
  default     = ""
  description = "As R2025b. Empty: no MATLAB."
}

variable "matlab_products" {
  type        = string
  default     = "MATLAB"
  description = "mpm's names of products, separated by blanks."
}

variable "matlab_iso" {
  type        = string
  default     = ""
  description = "A site's own medium, in place of mpm: a file of this machine. With it: matlab_iso_checksum and matlab_installer_input."
}

variable "matlab_iso_checksum" {
  type    = string
  default = ""
}

variable "matlab_installer_input" {
  type        = string
  default     = ""
  description = "The installer's input file, with agreeToLicense=yes and the installation key. It does not stay in the image."
}

variable "matlab_license_file" {
  type        = string
  default     = ""
  description = "A licence's file. It stays in the image, where every job can read it: a network licence names a server and nothing secret."
}

variable "matlab_license_server" {
  type        = string
  default     = ""
  description = "As 27000@licence.example.org, in place of a file."
}

variable "matlab_prove" {
  type        = bool
  default     = false
  description = "MATLAB is started while the image is built. The licence server must answer there."
}

variable "mpm_sha256" {
  type        = string
  default     = ""
  description = "Digest of mpm. MathWorks replaces it often, so there is no usual one; the log tells the one that was used."
}

variable "kms_server" {
  type        = string
  default     = ""
  description = "As kms.example.org or kms.example.org:1688, where clones of licensed media activate themselves at their first boot."
}

variable "updates" {
  type        = bool
  default     = true
  description = "Windows Update runs while the image is built. Takes an hour or more."
}

variable "vagrant_user" {
  type        = bool
  default     = false
  description = "Only for boxes: the account that Vagrant signs in with, and SSH. WARN: jobs can become administrator with it. Mayfly needs neither."
}

# --- the VM while it is built ---

variable "cpus" {
  type    = number
  default = 4
}

variable "memory_mib" {
  type    = number
  default = 8192
}

variable "disk_gib" {
  type    = number
  default = 60
}

variable "headless" {
  type    = bool
  default = true
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "Without KVM (tcg) Windows Setup takes a day, and nobody has seen its end."
}

variable "cpu_model" {
  type    = string
  default = "host,hv_passthrough"
}

variable "firmware_code" {
  type        = string
  default     = "/usr/share/OVMF/OVMF_CODE_4M.fd"
  description = "UEFI for QEMU. The default is where Debian and Ubuntu have it (package ovmf)."
}

variable "firmware_vars" {
  type    = string
  default = "/usr/share/OVMF/OVMF_VARS_4M.fd"
}

# --- set by build.sh ---

variable "target" {
  type        = string
  description = "box, for Vagrant, or cloud, for OpenStack."

  validation {
    condition     = contains(["box", "cloud"], var.target)
    error_message = "The target is box or cloud."
  }
}

variable "build_password" {
  type        = string
  sensitive   = true
  description = "Of the account that builds, which a clone removes at its first boot. Made anew for each build, and kept nowhere."
}

variable "cd_folder" {
  type        = string
  description = "What lies on the second CD: drivers, installers, the guest program, the scripts."
}

variable "output_folder" {
  type        = string
  description = "Must not exist yet."
}

variable "commit" {
  type        = string
  default     = ""
  description = "Of this repository."
}
