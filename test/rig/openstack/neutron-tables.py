"""Makes Neutron's tables in an empty SQLite database: neutron-tables.py <database URL> <compute host>.

Neutron's migrations do not run on SQLite (they alter constraints). Its models make the same tables.
"""
import datetime
import json
import sys
import uuid

from neutron.db.migration.models import head  # noqa: F401  NB: knows every model
from neutron.db.models.agent import Agent
from neutron_lib.db import model_base
from sqlalchemy import create_engine

# Neutron binds a port only where an agent of the right kind lives. These two never die, and no process stands behind them.
AGENTS = (
    ('Open vSwitch agent', 'neutron-openvswitch-agent', {
        'bridge_mappings': {}, 'tunnel_types': [], 'datapath_type': 'system', 'ovs_hybrid_plug': False,
        'vhostuser_socket_dir': '/var/run/openvswitch',
    }),
    ('Linux bridge agent', 'neutron-linuxbridge-agent', {
        'bridge_mappings': {}, 'interface_mappings': {}, 'tunnel_types': [],
    }),
)
FOR_EVER = datetime.datetime(2199, 1, 1)


def main(url, host):
    engine = create_engine(url)
    model_base.BASEV2.metadata.create_all(engine)
    now = datetime.datetime.utcnow()
    with engine.begin() as connection:
        for kind, binary, configurations in AGENTS:
            connection.execute(Agent.__table__.insert().values(
                id=str(uuid.uuid4()), agent_type=kind, binary=binary, topic='N/A', host=host, admin_state_up=True,
                created_at=now, started_at=now, heartbeat_timestamp=FOR_EVER, load=0,
                configurations=json.dumps(configurations)))


main(*sys.argv[1:])
