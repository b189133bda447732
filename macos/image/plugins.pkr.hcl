# In a file of its own, since Packer before 1.7 does not know it. See: macos.pkr.hcl.
packer {
  required_version = ">= 1.11.0"

  required_plugins {
    tart = {
      source  = "github.com/cirruslabs/tart"
      version = "= 1.21.0"
    }
  }
}
