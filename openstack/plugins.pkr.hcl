# In a file of its own, for Packer before 1.7 understands all the others, and this not.
packer {
  required_version = ">= 1.9.0"

  required_plugins {
    openstack = {
      source  = "github.com/hashicorp/openstack"
      version = "= 1.1.4"
    }
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = "= 1.1.6"
    }
  }
}
