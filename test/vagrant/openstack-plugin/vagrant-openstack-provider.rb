# frozen_string_literal: true

# Stands in for vagrant-openstack-provider 0.13: the parts of it that Mayfly's Vagrantfile touches, with the faults that it mends. Its
# cloud is a JSON file, STUB_CLOUD: servers by their ids.

require "json"
require "vagrant"
require "vagrant-openstack-provider/errors"

module VagrantPlugins
  module Openstack
    class Plugin < Vagrant.plugin("2")
      name "a stand-in"

      config(:openstack, :provider) do
        require "vagrant-openstack-provider/config"
        Config
      end

      provider(:openstack, box_optional: true) do
        require "vagrant-openstack-provider/provider"
        Provider
      end
    end
  end
end
