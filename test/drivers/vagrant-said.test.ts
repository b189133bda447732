import { expect, test } from "vitest";
import { failure, readable } from "../../src/drivers/vagrant-said.ts";

const LOG = `1795471344,lab,metadata,provider,libvirt
1795471344,,ui,info,Bringing machine 'lab' up with 'libvirt' provider...
$ virsh vol-list default
1795471345,lab,ui,detail,    lab: one%!(VAGRANT_COMMA) two\\n    lab: three
`;

test("a machine-readable log reads as a person would have seen it", () => {
  expect(readable(LOG)).toBe(
    "Bringing machine 'lab' up with 'libvirt' provider...\n$ virsh vol-list default\n    lab: one, two\n    lab: three\n",
  );
});

test("a failure is the name of Vagrant's error and its words", () => {
  const log = `${LOG}1795471346,,error-exit,Vagrant::Errors::VMBootTimeout,Timed out\\nwhile waiting%!(VAGRANT_COMMA) alas.\n`;

  expect(failure(log)).toBe("VMBootTimeout: Timed out\nwhile waiting, alas.");
});

test("of an error that Vagrant did not expect, what it was is told and not where in Ruby", () => {
  const trace = Array.from({ length: 30 }, (_, line) => `\tfrom /usr/lib/ruby/x.rb:${line}:in 'call'`);
  const log = [
    "/usr/lib/ruby/x.rb:7:in 'create': Call to virDomainCreate failed (Libvirt::Error)",
    ...trace,
  ].join("\n");

  expect(failure(log)).toBe(
    "/usr/lib/ruby/x.rb:7:in 'create': Call to virDomainCreate failed (Libvirt::Error)",
  );
});

test("a log that says nothing gives no words", () => {
  expect(failure("")).toBe("");
});
