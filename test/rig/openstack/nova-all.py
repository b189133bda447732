"""nova-conductor, -scheduler, -compute and -api in one process.

With `transport_url = fake:/` oslo.messaging carries their calls in memory, so that no message broker is needed. The services themselves,
what they do and their databases are the genuine ones.
"""
import shlex
import sys

import nova.cmd  # noqa: F401  NB: first, since it makes the standard library fit for eventlet

import os_vif
from nova import config, objects, service, utils
from nova.compute import rpcapi as compute_rpcapi
from nova.conductor import rpcapi as conductor_rpcapi
from nova.conf import CONF
from nova.scheduler import rpcapi as scheduler_rpcapi
from oslo_log import log as logging
from oslo_privsep import priv_context
from oslo_service import service as os_service

TOPICS = {
    'nova-conductor': conductor_rpcapi.RPC_TOPIC,
    'nova-scheduler': scheduler_rpcapi.RPC_TOPIC,
    'nova-compute': compute_rpcapi.RPC_TOPIC,
}


def main():
    config.parse_args(sys.argv)
    logging.setup(CONF, 'nova')
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    objects.register_all()
    os_vif.initialize()
    objects.Service.enable_min_version_cache()

    launcher = os_service.ServiceLauncher(CONF, restart_method='mutate')
    for binary, topic in TOPICS.items():
        launcher.launch_service(service.Service.create(binary=binary, topic=topic))
    launcher.launch_service(service.WSGIService('osapi_compute'))
    launcher.wait()


main()
