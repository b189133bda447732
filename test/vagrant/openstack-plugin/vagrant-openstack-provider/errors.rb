# frozen_string_literal: true

module VagrantPlugins
  module Openstack
    module Errors
      class InstanceNotFound < Vagrant::Errors::VagrantError
        def error_message
          "Instance not found"
        end
      end

      class ServerStatusError < Vagrant::Errors::VagrantError
        def error_message
          "Server is in error status."
        end
      end
    end
  end
end
