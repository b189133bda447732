# A Linux box by Packer: a base image by digest, then the same steps as the cloud image's (images/linux). Called by build.sh, which makes the
# folder `work`: a key, what a new VM is told (seed/), and what is copied into it (mayfly/).

variable "base" {
  type        = string
  default     = "debian-12"
  description = "Which cloud image of images/downloads.lock.json the qemu box is made from."
}

variable "work" {
  type        = string
  description = "The folder that build.sh makes."
}

variable "output" {
  type        = string
  description = "The box."
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "Of QEMU; tcg where there is no KVM, which is slow."
}

variable "disk_gib" {
  type    = number
  default = 20
}

variable "cpus" {
  type    = number
  default = 2
}

variable "memory_mib" {
  type    = number
  default = 2048
}

variable "boot_timeout" {
  type    = string
  default = "30m"
}

locals {
  base      = jsondecode(file("${path.root}/../../images/downloads.lock.json"))[var.base]
  installer = jsondecode(file("${path.root}/../../images/downloads.lock.json"))["debian-12-installer"]
}

source "qemu" "linux" {
  iso_url      = local.base.url
  iso_checksum = local.base.digest
  disk_image   = true

  accelerator      = var.accelerator
  cpus             = var.cpus
  memory           = var.memory_mib
  disk_size        = "${var.disk_gib}G"
  disk_interface   = "virtio"
  net_device       = "virtio-net"
  format           = "qcow2"
  headless         = true
  output_directory = "${var.work}/qemu"

  # See: cloud-init, NoCloud: a CD named cidata.
  cd_files = ["${var.work}/seed/user-data", "${var.work}/seed/meta-data"]
  cd_label = "cidata"

  ssh_username         = "root"
  ssh_private_key_file = "${var.work}/key"
  ssh_timeout          = var.boot_timeout
  shutdown_command     = "poweroff"
}

source "virtualbox-iso" "linux" {
  iso_url       = local.installer.url
  iso_checksum  = local.installer.digest
  guest_os_type = "Debian_64"

  cpus                 = var.cpus
  memory               = var.memory_mib
  disk_size            = var.disk_gib * 1024
  hard_drive_interface = "sata"
  guest_additions_mode = "disable"
  headless             = true
  output_directory     = "${var.work}/virtualbox"

  http_directory = "${var.work}/seed"
  boot_wait      = "10s"
  boot_command   = ["<esc><wait>", "auto url=http://{{ .HTTPIP }}:{{ .HTTPPort }}/preseed.cfg", "<enter>"]

  ssh_username         = "root"
  ssh_private_key_file = "${var.work}/key"
  ssh_timeout          = var.boot_timeout
  shutdown_command     = "poweroff"
}

build {
  sources = ["source.qemu.linux", "source.virtualbox-iso.linux"]

  # A stock image installs updates and makes itself at home first.
  provisioner "shell" {
    inline = ["if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null || true; fi", "install -d -m 700 /tmp/mayfly"]
  }

  provisioner "file" {
    source      = "${var.work}/mayfly/"
    destination = "/tmp/mayfly"
  }

  provisioner "shell" {
    only   = ["virtualbox-iso.linux"]
    inline = [". /tmp/mayfly/variables", "bash /tmp/mayfly/vagrant/boxes/vagrant-user.sh"]
  }

  provisioner "shell" {
    inline = [". /tmp/mayfly/variables", "bash /tmp/mayfly/images/linux/all.sh"]
  }

  provisioner "file" {
    direction   = "download"
    source      = "/etc/mayfly/image.json"
    destination = "${var.work}/info.json"
  }

  provisioner "shell" {
    inline = ["rm -rf /tmp/mayfly", "sync"]
  }

  post-processor "vagrant" {
    include = ["${var.work}/info.json"]
    output  = var.output
  }
}
