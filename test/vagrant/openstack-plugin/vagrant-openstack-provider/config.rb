# frozen_string_literal: true

module VagrantPlugins
  module Openstack
    class Config < Vagrant.plugin("2", :config)
      attr_accessor :identity_api_version, :openstack_auth_url, :username, :password, :project_name, :user_domain_name,
                    :project_domain_name, :region, :server_name, :user_data, :ssh_disabled, :image, :flavor, :networks
    end
  end
end
