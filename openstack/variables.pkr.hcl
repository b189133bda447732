# What differs from site to site. No secret is among them: Packer finds the cloud as all others do, by OS_CLOUD and clouds.yaml.

variable "family" {
  type        = string
  description = "Whose candidate the image becomes: cloudImage.family of mayfly.yml, or the image's name."
}

variable "steps" {
  type        = map(string)
  default     = {}
  description = "Variables of the steps in images/linux/, such as MAYFLY_PACKAGES and MATLAB_RELEASE."
}

variable "commit" {
  type        = string
  default     = ""
  description = "The commit of this repository, noted in the image."
}

# --- on the cloud ---

variable "source_image_name" {
  type        = string
  default     = null
  description = "A stock cloud image of Debian or Ubuntu in Glance."
}

variable "flavor" {
  type        = string
  default     = null
  description = "The flavour of the build. Its disk is the least that any VM of the image can have."
}

variable "networks" {
  type        = list(string)
  default     = []
  description = "Ids of networks. Packer needs to reach the VM by SSH there, or by a floating IP."
}

variable "security_groups" {
  type        = list(string)
  default     = []
  description = "Groups of the build alone, which let SSH in from where Packer runs."
}

variable "floating_ip_network" {
  type    = string
  default = null
}

variable "availability_zone" {
  type    = string
  default = null
}

variable "ssh_username" {
  type        = string
  default     = "debian"
  description = "The stock image's own account. It is removed with the key that Packer makes for it."
}

# --- on this machine ---

variable "source_url" {
  type        = string
  default     = null
  description = "Where the stock cloud image is downloaded, or its path."
}

variable "source_checksum" {
  type        = string
  default     = null
  description = "As sha256:…, or file:https://…/SHA256SUMS."
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "tcg where there is no KVM: ten times as slow."
}

variable "disk_size" {
  type        = string
  default     = "20G"
  description = "With several toolboxes of MATLAB 40G."
}

variable "cpus" {
  type    = number
  default = 2
}

variable "memory_mib" {
  type    = number
  default = 4096
}

variable "output" {
  type        = string
  default     = "output-linux"
  description = "A folder that is not there yet."
}
