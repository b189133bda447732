# frozen_string_literal: true

require "vagrant-openstack-provider/action/read_state"

module VagrantPlugins
  module Openstack
    class Provider < Vagrant.plugin("2", :provider)
      STEPS = { up: %w[ReadState Create], destroy: %w[ReadState Delete], read_state: %w[ReadState] }.freeze

      def initialize(machine)
        @machine = machine
      end

      def action(name)
        steps = STEPS[name.to_sym] or return

        Vagrant::Action::Builder.new.tap do |builder|
          builder.use Vagrant::Action::Builtin::ConfigValidate
          steps.each { |step| builder.use Action.const_get(step) }
        end
      end

      def ssh_info; end

      def state
        id = @machine.action("read_state")[:machine_state_id]
        Vagrant::MachineState.new(id, id.to_s, id.to_s)
      end
    end
  end
end
