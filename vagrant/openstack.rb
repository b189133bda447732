# frozen_string_literal: true

# Mends vagrant-openstack-provider, whose last release is of 2018, where it stands in the way of others. Read by the Vagrantfile if the
# plug-in is there. See: README.md, "OpenStack, the old way".

# NB: spelled so there. It would ask rubygems.org for a newer version at each start.
ENV["VAGRANT_OPENSTACK_VERSION_CKECK"] = "disabled"

%w[provider action/read_state client/nova errors].each { |part| require "vagrant-openstack-provider/#{part}" }

# Nova's word for a server that runs is `active`, and Vagrant's is `running`: triggers before a destroy are refused for any other.
# NB: the plug-in's own actions read env[:machine_state_id], which stays as it is. See: ggiamarchi/vagrant-openstack-provider, issue 387.
VagrantPlugins::Openstack::Provider.prepend(Module.new do
  def state
    found = super
    found.id == :active ? Vagrant::MachineState.new(:running, "running", found.long_description) : found
  end
end)

# A server that is gone is gone. Without this each command about it ends with InstanceNotFound, destroy as well, for ever.
VagrantPlugins::Openstack::Action::ReadState.prepend(Module.new do
  def read_state(env)
    super
  rescue VagrantPlugins::Openstack::Errors::InstanceNotFound
    env[:machine].id = nil
    :not_created
  end
end)

# NB: our machines have no key pair. The look for one comes after the server's deletion: Nova removes one in ERROR at once, and then
# the look fails, and with it the destroy.
VagrantPlugins::Openstack::NovaClient.prepend(Module.new do
  def delete_keypair_if_vagrant(_env, _server_id); end
end)
