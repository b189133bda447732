# frozen_string_literal: true

module VagrantPlugins
  module Openstack
    class NovaClient
      def create_server(config)
        id = "server-#{rand(1_000_000)}"
        asked = %i[server_name user_data image flavor networks username password openstack_auth_url]
        change { |servers| servers[id] = asked.to_h { |key| [key, config.public_send(key)] }.merge("status" => ENV.fetch("STUB_STATUS", "ACTIVE")) }
        id
      end

      def get_server_details(_env, id)
        servers.fetch(id) { raise Errors::InstanceNotFound }
      end

      # NB: a server in ERROR goes at once; another one is seen once more.
      def delete_server(_env, id)
        change do |servers|
          raise Errors::InstanceNotFound unless servers.key?(id)

          servers[id]["status"] == "ERROR" ? servers.delete(id) : servers[id]["status"] = "DELETED"
        end
      end

      def delete_keypair_if_vagrant(env, id)
        name = get_server_details(env, id)["key_name"]
        raise "no such key" if name&.start_with?("vagrant-generated-")
      end

      private

      def servers
        JSON.parse(File.read(ENV.fetch("STUB_CLOUD")))
      end

      def change
        now = servers
        yield now
        File.write(ENV.fetch("STUB_CLOUD"), JSON.pretty_generate(now))
      end
    end
  end
end
