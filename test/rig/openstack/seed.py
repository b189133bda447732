"""Fills an empty cloud. Safe to repeat: what is there is left as it is.

seed.py identity <folder> <ports of keystone, glance, placement, nova, neutron>   before Nova starts, which looks others up in the catalogue
seed.py cloud <folder> <port of keystone>                                         when every API answers; writes clouds.yaml
"""
import os
import sys

import openstack
import yaml

PASSWORD = 'secret'
REGION = 'RegionOne'
#           name, vcpus, memory in MiB, disk in GiB
FLAVOURS = (('m1.tiny', 1, 256, 1),
            ('m1.small', 1, 512, 2),
            ('m1.large', 2, 2048, 10),
            # NB: within the quota of demo, and on no host, whatever the hypervisor.
            ('m1.huge', 64, 1048576, 10))
PLENTY = 10000


def identity(_folder, keystone, glance, placement, nova, neutron):
    api = connect('admin', keystone).identity
    there = {service.type for service in api.services()}
    for kind, name, url in (('image', 'glance', f'http://127.0.0.1:{glance}'),
                            ('placement', 'placement', f'http://127.0.0.1:{placement}'),
                            ('compute', 'nova', f'http://127.0.0.1:{nova}/v2.1'),
                            ('network', 'neutron', f'http://127.0.0.1:{neutron}')):
        if kind not in there:
            add_service(api, kind, name, url)
    # NB: without it Neutron answers 401 to Nova, though the caller's own token is good.
    service = api.find_role('service') or api.create_role(name='service')
    api.assign_project_role_to_user(api.find_project('admin'), api.find_user('admin'), service)
    project = api.find_project('demo') or api.create_project(name='demo', domain_id='default')
    user = api.find_user('demo') or api.create_user(
        name='demo', password=PASSWORD, domain_id='default', default_project_id=project.id)
    for role in ('member', 'reader'):
        api.assign_project_role_to_user(project, user, api.find_role(role))


def add_service(api, kind, name, url):
    service = api.create_service(type=kind, name=name)
    for interface in ('public', 'internal', 'admin'):
        api.create_endpoint(service_id=service.id, interface=interface, url=url, region_id=REGION)


def cloud(folder, keystone):
    admin, demo = connect('admin', keystone), connect('demo', keystone)
    for name, vcpus, ram, disk in FLAVOURS:
        if not admin.compute.find_flavor(name):
            admin.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)
    add_image(admin, folder)
    add_networks(admin)
    if not list(demo.network.security_groups(name='mayfly', project_id=demo.current_project_id)):
        demo.network.create_security_group(name='mayfly', description='lets nothing in')
    admin.set_compute_quotas('demo', instances=PLENTY, cores=PLENTY, ram=PLENTY * 1024, key_pairs=PLENTY)
    admin.set_network_quotas('demo', port=PLENTY, floatingip=PLENTY, security_group=PLENTY, security_group_rule=PLENTY)
    write_clouds(folder, keystone, demo)


def add_image(admin, folder):
    if admin.image.find_image('cirros-fake'):
        return
    file = f'{folder}/state/empty.img'
    with open(file, 'wb') as disk:
        disk.write(bytes(65536))
    admin.create_image('cirros-fake', filename=file, disk_format='raw', container_format='bare', visibility='public', wait=True)


def add_networks(admin):
    """A network that everybody may use, one that leads outside, and the router in between, which admin keeps."""
    network = admin.network
    lab = network.find_network('lab') or network.create_network(name='lab', is_shared=True)
    inside = network.find_subnet('lab') or network.create_subnet(
        network_id=lab.id, name='lab', ip_version=4, cidr='10.11.0.0/16', is_dhcp_enabled=False)
    external = network.find_network('external') or network.create_network(
        name='external', is_router_external=True, provider_network_type='local')
    # NB: addresses that are for documents only, so that they lead nowhere.
    network.find_subnet('external') or network.create_subnet(
        network_id=external.id, name='external', ip_version=4, cidr='203.0.113.0/24', is_dhcp_enabled=False)
    if not network.find_router('lab'):
        router = network.create_router(name='lab', external_gateway_info={'network_id': external.id})
        network.add_interface_to_router(router, subnet_id=inside.id)


def write_clouds(folder, keystone, demo):
    """The three ways in: demo by an application credential, demo by its password, admin."""
    url = f'http://127.0.0.1:{keystone}/v3'
    api, user = demo.identity, demo.current_user_id
    for earlier in api.application_credentials(user):
        api.delete_application_credential(user, earlier)
    credential = api.create_application_credential(user, 'lab', roles=[{'name': 'member'}, {'name': 'reader'}])
    clouds = {
        'lab': {
            'auth_type': 'v3applicationcredential',
            'auth': {'auth_url': url, 'application_credential_id': credential.id,
                     'application_credential_secret': credential.secret},
            'region_name': REGION,
        },
        'lab-password': {'auth': by_password('demo', url), 'region_name': REGION},
        'lab-admin': {'auth': by_password('admin', url), 'region_name': REGION},
    }
    file = os.open(f'{folder}/clouds.yaml', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(file, 'w') as text:
        yaml.safe_dump({'clouds': clouds}, text, sort_keys=False)


def connect(user, keystone):
    return openstack.connect(**by_password(user, f'http://127.0.0.1:{keystone}/v3'), region_name=REGION)


def by_password(user, url):
    return {'auth_url': url, 'username': user, 'password': PASSWORD, 'project_name': user,
            'user_domain_name': 'Default', 'project_domain_name': 'Default'}


{'identity': identity, 'cloud': cloud}[sys.argv[1]](*sys.argv[2:])
