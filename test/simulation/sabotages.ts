/** One line of the core or the ring, made wrong. */
export type Sabotage = {
  name: string;
  file: string;
  find: string;
  replace: string;
  /** Why neither the simulation nor a unit test can be expected to notice. */
  harmless?: string;
};

export const SABOTAGES: readonly Sabotage[] = [
  {
    name: "that a host had no room counts as a failure of the image",
    file: "src/core/turn.ts",
    find: 'isNoRoom ? "no-room" : "boot-failed"',
    replace: 'isNoRoom ? "boot-failed" : "boot-failed"',
  },
  {
    name: "a host that refused is asked again at once",
    file: "src/core/pools.ts",
    find: "return until > now || newestAt > at;",
    replace: "return newestAt > at;",
  },
  {
    name: "after a refusal all machines are ordered at once again",
    file: "src/core/pools.ts",
    find: "until > now || newestAt > at;",
    replace: "until > now;",
  },
  {
    name: "a host that refuses is never let go",
    file: "src/host-room.ts",
    find: "if (isNewerThan(refusals.get(key))) refusals.delete(key);",
    replace: "if (!isNewerThan(refusals.get(key))) refusals.delete(key);",
  },
  {
    name: "what one image lacks keeps all others waiting",
    file: "src/core/host-room.ts",
    find: "[undefined, image].includes(refusal.image)",
    replace: "refusal.at > 0",
  },
  {
    name: "a cloud's quota is not heeded",
    file: "src/core/pools.ts",
    find: "return fits(here, host, size) && fits(here, capacity, size);",
    replace: "return fits(here, host, size) && capacity !== undefined;",
  },
  {
    name: "a candidate is tried on all machines",
    file: "src/core/trials.ts",
    find: "return good + onItsWay < canary.boots ? candidate.id : undefined;",
    replace: "return good + onItsWay < 1e9 ? candidate.id : undefined;",
  },
  {
    name: "a candidate that fails is promoted all the same",
    file: "src/core/trials.ts",
    find: 'if (failed >= failures) return "turned-back";',
    replace: 'if (failed > 1e9) return "turned-back";',
  },
  {
    name: "a candidate's failure costs its job a try",
    file: "src/core/apply.ts",
    find: "(machine.trial === undefined ? 1 : 0)",
    replace: "1",
  },
  {
    name: "a VM that one list lacks is believed gone",
    file: "src/core/believe.ts",
    find: 'return askedAt - missingSince >= patience.settleMs ? "none" : "unknown";',
    replace: 'return missingSince > 0 && patience.settleMs > 0 ? "none" : "unknown";',
  },
  {
    name: "a runner that one list lacks is believed gone",
    file: "src/core/believe.ts",
    find: 'return isExpectedGone || askedAt - missingSince >= patience.settleMs ? "none" : "unknown";',
    replace: 'return isExpectedGone || missingSince > 0 || patience.settleMs > 0 ? "none" : "unknown";',
  },
  {
    name: "GitHub's event that a job runs is not believed",
    file: "src/core/believe.ts",
    find: 'if (job?.status === "running") return "busy";',
    replace: 'if (job?.id === -1) return "busy";',
  },
  {
    name: "every reason to retire allows to destroy a busy VM",
    file: "src/core/turn.ts",
    find: "machine.retired !== undefined && SURE.has(machine.retired.why);",
    replace: "machine.retired !== undefined && SURE.size > 0;",
  },
  {
    name: "the VM of a busy runner is destroyed",
    file: "src/core/rules.ts",
    find: 'busy: every("hold"),',
    replace: 'busy: every("destroy"),',
  },
  {
    name: "an idle runner's VM is destroyed before GitHub agreed",
    file: "src/core/rules.ts",
    find: 'none: every("destroy"),\n  offline: every("deregister"),\n  idle: every("deregister"),',
    replace: 'none: every("destroy"),\n  offline: every("deregister"),\n  idle: every("destroy"),',
  },
  {
    name: "a listed runner is forgotten instead of removed",
    file: "src/core/rules.ts",
    find: 'none: every("forget"),\n  offline: every("deregister"),',
    replace: 'none: every("forget"),\n  offline: every("forget"),',
  },
  {
    name: "a machine is forgotten before its driver was told to destroy it",
    file: "src/core/turn.ts",
    find: "if (!isGone(machine)) return { effect",
    replace: 'if (machine.name === "") return { effect',
  },
  {
    name: "a retired machine takes no room although its VM may stand",
    file: "src/core/plan.ts",
    find: "!machine.retired || belief.vm",
    replace: '!machine.retired || belief.vm !== "none" ? !machine.retired : belief.vm',
  },
  {
    name: "an order that came to nothing is waited for for ever",
    file: "src/core/turn.ts",
    find: 'return retireAfter(machine.startedAt, patience.settleMs, "lost", machine, context);',
    replace: "return {};",
  },
  {
    name: "a guest that never calls is waited for for ever",
    file: "src/core/turn.ts",
    find: 'return retireAfter(machine.startedAt, limits.bootMs, "boot-timeout", machine, context);',
    replace: "return {};",
  },
  {
    name: "a runner that never connects is waited for for ever",
    file: "src/core/turn.ts",
    find: 'return retireAfter(machine.configuredAt, patience.connectMs, "runner-timeout", machine, context);',
    replace: "return {};",
  },
  {
    name: "a VM that is powered off is left alone",
    file: "src/core/rules.ts",
    find: "off: wantedOff,",
    replace: "off: wantedUnseen,",
  },
  {
    name: "a runner whose registration is lost is left on the list",
    file: "src/core/rules.ts",
    find: 'offline: {\n    silent: "stale",\n    asking: "stale",',
    replace: 'offline: {\n    silent: "stale",\n    asking: "wait",',
  },
  {
    name: "a job may run for ever",
    file: "src/core/turn.ts",
    find: 'return onceAfter(jobEndsAt(machine, context), context.now, retire(machine, "job-limit", context));',
    replace: "return {};",
  },
  {
    name: "busy machines count as coming",
    file: "src/core/world.ts",
    find: 'belief.runner !== "busy" && !job',
    replace: "belief.runner !== undefined",
  },
  {
    name: "registrations are handed out without counting those under way",
    file: "src/core/size.ts",
    find: "const needed = open - supply.handed.length;",
    replace: "const needed = open;",
  },
  {
    name: "machines that no job needs are kept",
    file: "src/core/size.ts",
    find: "const count = Math.max(0, -short - unneeded - supply.failing.length);",
    replace: "const count = 0;",
  },
  {
    name: "idle runners that no job needs are kept",
    file: "src/core/size.ts",
    find: "Math.max(0, supply.handed.length - open)",
    replace: "0",
  },
  {
    name: "one machine too many on a host",
    file: "src/core/pools.ts",
    find: "here.machines < (most.machines ?? Number.POSITIVE_INFINITY) &&",
    replace: "here.machines <= (most.machines ?? Number.POSITIVE_INFINITY) &&",
  },
  {
    name: "one machine too many of an image",
    file: "src/core/pools.ts",
    find: "if (ofImage >= image.machines)",
    replace: "if (ofImage > image.machines)",
  },
  {
    name: "one machine too many for a repository",
    file: "src/core/pools.ts",
    find: "if (ofRepo >= repository.machines)",
    replace: "if (ofRepo > repository.machines)",
  },
  {
    name: "a job's status goes back",
    file: "src/core/apply.ts",
    find: "const ahead = RANK[seen.status] >= RANK[known.status];",
    replace: "const ahead = RANK[seen.status] >= 0;",
  },
  {
    name: "a late webhook opens a closed job again",
    file: "src/core/apply.ts",
    find: "state.closed.add(fact.job);",
    replace: "state.closed.delete(fact.job);",
  },
  {
    name: "failed machines are not counted as tries",
    file: "src/core/apply.ts",
    find: "const tries = madeFor.tries + ",
    replace: "const tries = madeFor.tries + 0 * ",
  },
  {
    name: "strangers are left alone",
    file: "src/core/plan.ts",
    find: "for (const stranger of world.strangers) {",
    replace: "for (const stranger of world.strangers.slice(0, 0)) {",
  },
  {
    name: "a job whose end was never told is not looked up",
    file: "src/core/plan.ts",
    find: 'if (job.status !== "running" || !job.ranOn) return;',
    replace: 'if (job.status !== "waiting" || !job.ranOn) return;',
  },
  {
    name: "the hand-out of a registration is not written down",
    file: "src/act.ts",
    find: 'await record({ kind: "machine-configured", at: clock.now(), machine: name, runnerId });',
    replace: "await record();",
  },
  {
    name: "an order is not written down before it is given",
    file: "src/act.ts",
    find: 'await record({\n      kind: "machine-started",\n      at: clock.now(),\n      machine: machine.name,\n      tokenHash: hashToken(token),\n    });',
    replace: "await record();",
  },
  {
    name: "a check run whose creation was cut off is not looked for",
    file: "src/act.ts",
    find: '(job.queuedAt < since || !isFirst ? "find" : "new")',
    replace: '(job.queuedAt < since - since && isFirst ? "find" : "new")',
  },
  {
    name: "two effects of a machine run at once",
    file: "src/reconcile.ts",
    find: "if (underWay.has(key)) return Number.POSITIVE_INFINITY;",
    replace: "",
  },
  {
    name: "an old list makes a stranger of a machine that was just forgotten",
    file: "src/observe.ts",
    find: "(askedAt ?? 0) <= (forgottenAt.get(name) ?? 0)",
    replace: "(askedAt ?? 0) < 0",
  },
  {
    name: "machines are ordered before every host has told what it holds",
    file: "src/observe.ts",
    find: "if (!isSurveyed()) return new Set();",
    replace: 'if (controller === "") return new Set();',
  },
  {
    name: "a ghost's runner is waited for for ever",
    file: "src/core/rules.ts",
    find: 'configured: "drop",\n    working: "drop",\n    ended: "finish",\n    unknown: "look-again",\n  },\n  offline: {',
    replace:
      'configured: "look-again",\n    working: "drop",\n    ended: "finish",\n    unknown: "look-again",\n  },\n  offline: {',
  },
  {
    name: "a runner that GitHub gives no job serves for ever",
    file: "src/core/turn.ts",
    find: "return onceAfter((machine.configuredAt ?? 0) + patience.serveMs, context.now, {",
    replace: "return onceAfter(Number.MAX_SAFE_INTEGER, context.now, {",
  },
  {
    name: "a runner that ended without a job counts as finished",
    file: "src/core/turn.ts",
    find: 'return outcome?.exitCode === 0 ? "no-job" : "guest-failed";',
    replace: 'return "finished";',
  },
  {
    name: "an outdated runner is tried as often as any other",
    file: "src/core/give-up.ts",
    find: 'if (tries > 0 && failure?.why === "runner-outdated")',
    replace: 'if (tries > 9 && failure?.why === "runner-outdated")',
  },
  {
    name: "a guest that asks ends a row of failures that came after that",
    file: "src/core/apply.ts",
    find: "endStreak(state, fact.machine, (streak) => !streak.hadBooted);",
    replace: "endStreak(state, fact.machine, () => true);",
  },
  {
    name: "a machine is made up for before its failure is written down",
    file: "src/core/size.ts",
    find: " - supply.failing.length;",
    replace: ";",
  },
  {
    name: "a job whose events came out of order stays held back",
    file: "src/core/plan.ts",
    find: 'if (job.status === "waiting" && job.readyAt !== undefined) {',
    replace: 'if (job.status === "waiting" && job.readyAt === -1) {',
  },
  {
    name: "a job waits for a failing image for ever",
    file: "src/core/give-up.ts",
    find: "if (failing && failing.at > readyAt && draft.isDue(",
    replace: "if (failing && failing.at < 0 && draft.isDue(",
  },
  {
    name: "a job waits for ever",
    file: "src/core/give-up.ts",
    find: "if (!draft.isDue(readyAt + patience.waitMs)) return undefined;",
    replace: "if (readyAt > 0) return undefined;",
  },
  {
    name: "a run is cancelled before its check run has told why",
    file: "src/core/plan.ts",
    find: " || job.check?.digest !== is) return;",
    replace: ") return;",
  },
  {
    name: "machines of a repository without the App are kept",
    file: "src/core/turn.ts",
    find: "if (!context.hasAccess && isWithoutJob(belief)) return retire",
    replace: 'if (context.hasAccess && isWithoutJob(belief) && belief.vm === "broken") return retire',
  },
  {
    name: "a repository without the App gets machines",
    file: "src/core/pools.ts",
    find: " || !hasAccess(job, state)) continue;",
    replace: ") continue;",
  },
  {
    name: "machines that are spare stand in the way of other jobs",
    file: "src/core/size.ts",
    find: "[...spare].filter((machine) => isInTheWay(machine, stuck))",
    replace: "[...spare].filter((machine) => !isInTheWay(machine, stuck))",
  },
];
