# In a file of its own, for Packer before 1.7 (Debian 12 has 1.6.6) refuses it even when it only looks at the syntax.
packer {
  required_version = ">= 1.9.0"

  required_plugins {
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = "= 1.1.6"
    }
    virtualbox = {
      source  = "github.com/hashicorp/virtualbox"
      version = "= 1.1.3"
    }
    windows-update = {
      source  = "github.com/rgl/windows-update"
      version = "= 0.18.4"
    }
  }
}
