# Purpose: makes a Linux image by Packer, on the cloud (openstack.linux) or on this machine (qemu.linux), by the same steps as everything else.
# Input: variables.pkr.hcl. Started in this repository's folder:
#     packer init openstack
#     packer build -only=qemu.linux -var family=spinw-linux -var source_url=… -var source_checksum=… openstack
#     packer build -only=openstack.linux -var family=spinw-linux -var source_image_name=… -var flavor=… openstack
# Result: on the cloud the family's candidate. Here output-linux/linux.qcow2, and linux.qcow2.json with what it says of itself, for
#   openstack/upload-image.sh.

locals {
  project = "${path.root}/.."
  folder  = "/tmp/mayfly"

  # Of an account that lives as long as the build, on a VM that listens on this machine only.
  password = uuidv4()

  variables = concat(
    ["MAYFLY_IMAGE_BUILD=yes", "MAYFLY_COMMIT=${var.commit}"],
    [for name, value in var.steps : "${name}=${value}"],
  )
}

source "openstack" "linux" {
  image_name        = "mayfly-${var.family}-${formatdate("YYYYMMDD'T'hhmmss'Z'", timestamp())}"
  image_visibility  = "private"
  image_tags        = ["mayfly:${var.family}:uploading"]
  source_image_name = var.source_image_name

  flavor              = var.flavor
  networks            = var.networks
  security_groups     = var.security_groups
  floating_ip_network = var.floating_ip_network
  availability_zone   = var.availability_zone
  config_drive        = true

  ssh_username = var.ssh_username
}

source "qemu" "linux" {
  iso_url          = var.source_url
  iso_checksum     = var.source_checksum
  disk_image       = true
  disk_size        = var.disk_size
  disk_interface   = "virtio-scsi"
  disk_discard     = "unmap"
  disk_compression = true
  format           = "qcow2"
  net_device       = "virtio-net"

  accelerator = var.accelerator
  cpus        = var.cpus
  memory      = var.memory_mib
  headless    = true

  cd_label = "cidata"
  cd_content = {
    "meta-data" = "instance-id: mayfly-build"
    "user-data" = join("\n", ["#cloud-config", jsonencode({
      ssh_pwauth = true
      users = [{
        name              = "mayfly-build"
        plain_text_passwd = local.password
        lock_passwd       = false
        shell             = "/bin/bash"
        sudo              = "ALL=(ALL) NOPASSWD:ALL"
      }]
    })])
  }

  ssh_username = "mayfly-build"
  ssh_password = local.password
  ssh_timeout  = "20m"

  # NB: the last step removes the account that could say it. The machine powers itself off.
  shutdown_command = "true"
  shutdown_timeout = "10m"

  output_directory = var.output
  vm_name          = "linux.qcow2"
}

build {
  sources = ["source.openstack.linux", "source.qemu.linux"]

  # NB: a stock image goes on setting itself up after SSH answers.
  provisioner "shell" {
    inline = ["cloud-init status --wait || true", "mkdir ${local.folder}"]
  }

  provisioner "file" {
    sources     = ["${local.project}/images", "${local.project}/guest"]
    destination = "${local.folder}/"
  }

  provisioner "shell" {
    execute_command  = "sudo env {{ .Vars }} bash {{ .Path }}"
    environment_vars = concat(local.variables, ["MAYFLY_SKIP=80-harden.sh 90-clean.sh"])
    inline           = ["${local.folder}/images/linux/all.sh"]
    timeout          = "3h"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/etc/mayfly/image.json"
    destination = "${path.root}/${source.type}-facts.json"
  }

  # NB: in one go, for the account has no sudo after the first of them, and there is no account after the second. So nothing is tidied up.
  provisioner "shell" {
    execute_command   = "sudo env {{ .Vars }} bash {{ .Path }}"
    environment_vars  = local.variables
    skip_clean        = true
    expect_disconnect = true
    inline = [
      "set -e",
      "${local.folder}/images/linux/80-harden.sh",
      "${local.folder}/images/linux/90-clean.sh",
      "rm -rf ${local.folder}",
      "systemd-run --on-active=5s systemctl poweroff",
    ]
  }

  post-processors {
    post-processor "manifest" {
      output = "${path.root}/manifest.json"
    }

    post-processor "shell-local" {
      only = ["openstack.linux"]
      inline = [
        "${path.root}/adopt-image.sh --family ${var.family} --facts ${path.root}/openstack-facts.json $(jq -r '.builds[-1].artifact_id' ${path.root}/manifest.json)",
      ]
    }
  }

  post-processor "shell-local" {
    only   = ["qemu.linux"]
    inline = ["mv ${path.root}/qemu-facts.json ${var.output}/linux.qcow2.json"]
  }
}
