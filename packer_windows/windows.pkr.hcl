# Makes an image of Windows with the guest program and GitHub's runner in it. Run by build.sh, which checks everything first.
# See: ../docs/images.md. WARN: never run against a Windows medium by those who wrote it; see there, "What was tried".

locals {
  build_user = "mayfly-build"
  # Where 00-first-logon.ps1 puts the second CD's content, for drive letters differ from one hypervisor to the next.
  scripts = "${path.root}/scripts"

  answer_file = templatefile("${path.root}/answer_files/${var.system}/autounattend.xml.pkrtpl.hcl", {
    build_user     = local.build_user
    build_password = var.build_password
    image_index    = var.image_index
    product_key    = var.product_key
    bypass_tpm     = var.tpm ? 0 : 1
  })

  # "Press any key to boot from CD": a key that does nothing in Setup, a few times.
  boot_command = ["<up><wait><up><wait><up><wait><up><wait><up><wait><up><wait><up><wait><up>"]

  shutdown_command = "shutdown /s /t 10 /f /c \"the image is done\""

  environment = [
    "MAYFLY_TARGET=${var.target}",
    "MAYFLY_COMMIT=${var.commit}",
    "MAYFLY_SOURCE_SHA256=${trimprefix(var.iso_checksum, "sha256:")}",
    "MAYFLY_EVALUATION_DAYS=${var.evaluation_days}",
    "MAYFLY_VAGRANT_USER=${var.vagrant_user}",
    "MAYFLY_KMS_SERVER=${var.kms_server}",
    "MATLAB_RELEASE=${var.matlab_release}",
    "MATLAB_PRODUCTS=${var.matlab_products}",
    "MATLAB_FROM_ISO=${var.matlab_iso != ""}",
    "MATLAB_LICENSE_SERVER=${var.matlab_license_server}",
    "MATLAB_PROVE=${var.matlab_prove}",
    "MPM_SHA256=${var.mpm_sha256}",
  ]
}

source "qemu" "windows" {
  vm_name          = "${var.name}.qcow2"
  output_directory = var.output_folder
  headless         = var.headless

  # One socket: clients of Windows use two at most.
  accelerator  = var.accelerator
  machine_type = "q35"
  cpus         = var.cpus
  sockets      = 1
  cores        = var.cpus
  threads      = 1
  memory       = var.memory_mib
  # NB: "-drive" and "-device" are left to Packer: one of them here takes all of its own away.
  qemuargs = concat(
    [["-cpu", var.cpu_model], ["-rtc", "base=utc"]],
    [for medium in compact([var.matlab_iso]) : ["-cdrom", medium]],
  )

  efi_boot          = true
  efi_firmware_code = var.firmware_code
  efi_firmware_vars = var.firmware_vars
  efi_drop_efivars  = true
  vtpm              = var.tpm

  disk_interface     = "virtio-scsi"
  disk_size          = "${var.disk_gib}G"
  disk_discard       = "unmap"
  disk_detect_zeroes = "unmap"
  disk_cache         = "unsafe"
  disk_compression   = true
  format             = "qcow2"
  net_device         = "virtio-net"

  iso_url      = var.iso_url
  iso_checksum = var.iso_checksum
  cd_label     = "MAYFLY"
  cd_files     = ["${var.cd_folder}/*"]
  cd_content   = { "autounattend.xml" = local.answer_file }

  boot_wait    = "1s"
  boot_command = local.boot_command

  communicator             = "ssh"
  ssh_username             = local.build_user
  ssh_password             = var.build_password
  ssh_timeout              = "4h"
  ssh_file_transfer_method = "sftp" # See: PowerShell/Win32-OpenSSH 2018
  shutdown_command         = local.shutdown_command
  shutdown_timeout         = "30m"
}

source "virtualbox-iso" "windows" {
  vm_name          = var.name
  output_directory = var.output_folder
  headless         = var.headless
  guest_os_type    = var.virtualbox_os

  cpus                 = var.cpus
  memory               = var.memory_mib
  firmware             = "efi"
  rtc_time_base        = "UTC"
  nic_type             = "82540EM"
  gfx_controller       = "vboxsvga"
  gfx_vram_size        = 128
  guest_additions_mode = "disable"

  hard_drive_interface     = "sata"
  hard_drive_discard       = true
  hard_drive_nonrotational = true
  sata_port_count          = 6
  disk_size                = var.disk_gib * 1024
  format                   = "ovf"

  iso_interface = "sata"
  iso_url       = var.iso_url
  iso_checksum  = var.iso_checksum
  cd_label      = "MAYFLY"
  cd_files      = ["${var.cd_folder}/*"]
  cd_content    = { "autounattend.xml" = local.answer_file }

  vboxmanage = concat(
    [["modifyvm", "{{ .Name }}", "--tpm-type", var.tpm ? "2.0" : "none"]],
    [for medium in compact([var.matlab_iso]) :
      ["storageattach", "{{ .Name }}", "--storagectl", "SATA Controller", "--port", "5", "--type", "dvddrive", "--medium", medium]
    ],
  )

  boot_wait    = "5s"
  boot_command = local.boot_command

  communicator             = "ssh"
  ssh_username             = local.build_user
  ssh_password             = var.build_password
  ssh_timeout              = "4h"
  ssh_file_transfer_method = "sftp" # See: PowerShell/Win32-OpenSSH 2018
  shutdown_command         = local.shutdown_command
  shutdown_timeout         = "30m"
}

build {
  sources = ["source.qemu.windows", "source.virtualbox-iso.windows"]

  # 00-first-logon.ps1 has run 10-guest-tools.ps1 and 20-openssh.ps1 by now: they are why this gets through.
  provisioner "powershell" {
    environment_vars = local.environment
    scripts          = ["${local.scripts}/30-settings.ps1"]
  }

  provisioner "windows-restart" {
    restart_timeout = "15m"
  }

  # NB: KB5007651 (Windows Security platform) is offered again and again. See: rgl/windows-vagrant.
  provisioner "windows-update" {
    search_criteria = "IsInstalled=0"
    filters = var.updates ? [
      "exclude:$_.Title -like '*KB5007651*'",
      "exclude:$_.Title -like '*Preview*'",
      "include:$true",
    ] : ["exclude:$true"]
    update_limit = 25
  }

  provisioner "powershell" {
    environment_vars = local.environment
    scripts = [
      "${local.scripts}/40-toolchain.ps1",
      "${local.scripts}/50-matlab.ps1",
      "${local.scripts}/60-runner.ps1",
      "${local.scripts}/70-cloudbase-init.ps1",
      "${local.scripts}/75-vagrant-user.ps1",
      "${local.scripts}/80-optimize.ps1",
    ]
  }

  provisioner "windows-restart" {
    restart_timeout = "15m"
  }

  provisioner "powershell" {
    environment_vars = local.environment
    scripts          = ["${local.scripts}/85-verify.ps1"]
  }

  # What the image says of itself: for Glance, and for the box.
  provisioner "file" {
    direction   = "download"
    sources     = ["C:/mayfly-build/out/image.json", "C:/mayfly-build/out/expiry.json"]
    destination = "${var.output_folder}-facts/"
  }

  provisioner "powershell" {
    environment_vars = local.environment
    scripts          = ["${local.scripts}/90-seal.ps1"]
  }
}
