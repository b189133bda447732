# Makes an image of macOS for Mayfly's VMs, out of another image that has macOS and an administrator who may use sudo without a password.
# Runs on a Mac with Apple silicon, tart and Packer; macos/image/build.sh calls it. See: docs/macos.md.

variable "base" {
  type        = string
  description = "What it is made from: an image in a registry by its digest, or a VM on this Mac."

  validation {
    condition     = can(regex("^[^/]+$|@sha256:[0-9a-f]{64}$", var.base))
    error_message = "An image in a registry must be named with its digest, as in ghcr.io/acme/macos@sha256:... ; tart fqn tells it."
  }
}

variable "vm_name" {
  type        = string
  description = "The VM that is made. Its name is what mayfly.yml says, or what is pushed to a registry."
}

variable "base_user" {
  type        = string
  default     = "admin"
  description = "The administrator of the base."
}

variable "base_password" {
  type        = string
  sensitive   = true
  description = "Password of that administrator, in the base."
}

variable "password" {
  type        = string
  sensitive   = true
  description = "Password that the administrator gets instead."

  validation {
    condition     = length(var.password) >= 12
    error_message = "The password must have 12 characters or more."
  }
}

variable "auto_login" {
  type        = bool
  default     = false
  description = "Logs the user runner in on the screen, for jobs that need one, such as tests of apps."
}

variable "cpus" {
  type    = number
  default = 4
}

variable "memory_gb" {
  type    = number
  default = 8
}

variable "disk_gb" {
  type    = number
  default = 80
}

source "tart-cli" "macos" {
  vm_base_name = var.base
  vm_name      = var.vm_name
  cpu_count    = var.cpus
  memory_gb    = var.memory_gb
  disk_size_gb = var.disk_gb
  headless     = true
  ssh_username = var.base_user
  ssh_password = var.base_password
  ssh_timeout  = "300s"
}

build {
  sources = ["source.tart-cli.macos"]

  provisioner "shell" {
    inline = ["mkdir -p /tmp/mayfly"]
  }

  provisioner "file" {
    source      = "${path.root}/../../guest"
    destination = "/tmp/mayfly/"
  }

  provisioner "shell" {
    execute_command = "chmod +x {{ .Path }}; sudo -n env {{ .Vars }} /bin/bash {{ .Path }}"
    scripts = [
      "${path.root}/scripts/10-quiet.sh",
      "${path.root}/scripts/20-guest.sh",
      "${path.root}/scripts/30-runner.sh",
    ]
  }

  provisioner "shell" {
    execute_command  = "chmod +x {{ .Path }}; sudo -n env {{ .Vars }} /bin/bash {{ .Path }}"
    environment_vars = ["AUTO_LOGIN=${var.auto_login}"]
    scripts          = ["${path.root}/scripts/40-login.sh"]
  }

  # NB: these come last, for the password by which Packer came in is changed.
  # WARN: sudo writes its arguments into macOS's log, which stays in the image. So passwords come in a file of mode 600, which root reads, and
  # which Packer removes after each script: hence one script for each provisioner.
  provisioner "shell" {
    use_env_var_file = true
    execute_command  = "sudo -n /bin/bash -c '. {{ .EnvVarFile }} && exec /bin/bash {{ .Path }}'"
    environment_vars = ["ADMIN=${var.base_user}", "OLD_PASSWORD=${var.base_password}", "NEW_PASSWORD=${var.password}"]
    script           = "${path.root}/scripts/50-password.sh"
  }

  provisioner "shell" {
    use_env_var_file = true
    execute_command  = "sudo -n /bin/bash -c '. {{ .EnvVarFile }} && exec /bin/bash {{ .Path }}'"
    environment_vars = [
      "ADMIN=${var.base_user}",
      "AUTO_LOGIN=${var.auto_login}",
      "OLD_PASSWORD=${var.base_password}",
      "NEW_PASSWORD=${var.password}",
    ]
    script = "${path.root}/scripts/80-verify.sh"
  }

  provisioner "shell" {
    execute_command  = "chmod +x {{ .Path }}; sudo -n env {{ .Vars }} /bin/bash {{ .Path }}"
    environment_vars = ["ADMIN=${var.base_user}"]
    scripts          = ["${path.root}/scripts/90-clean.sh"]
  }
}
