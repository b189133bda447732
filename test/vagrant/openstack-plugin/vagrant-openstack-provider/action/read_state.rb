# frozen_string_literal: true

require "vagrant-openstack-provider/client/nova"

module VagrantPlugins
  module Openstack
    module Action
      class ReadState
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          env[:machine_state_id] = read_state(env)
          @app.call(env)
        end

        def read_state(env)
          return :not_created if env[:machine].id.nil?

          NovaClient.new.get_server_details(env, env[:machine].id)["status"].downcase.to_sym
        end
      end

      class Create
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          env[:machine].id = NovaClient.new.create_server(env[:machine].provider_config)
          raise Errors::ServerStatusError if ENV["STUB_STATUS"] == "ERROR"

          @app.call(env)
        end
      end

      class Delete
        def initialize(app, _env)
          @app = app
        end

        def call(env)
          unless env[:machine_state_id] == :not_created
            nova = NovaClient.new
            nova.delete_server(env, env[:machine].id)
            nova.delete_keypair_if_vagrant(env, env[:machine].id)
            env[:machine].id = nil
          end
          @app.call(env)
        end
      end
    end
  end
end
