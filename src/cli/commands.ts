/** The commands by name: a summary for the help page, and the module that is loaded only when its command runs. */
import type { Command } from 'commander';

export interface CommandEntry {
  readonly group: string;
  readonly summary: string;
  /** Loads the command's module and builds the command. */
  readonly load: () => Promise<Command>;
}

const start = 'Start here:';
const members = 'Members of the federation:';
const training = 'Training and results:';
const checks = 'Checks and figures:';

export const commands: Readonly<Record<string, CommandEntry>> = {
  quickstart: {
    group: start,
    summary: 'four clinics and a coordinator on this machine, trained and compared',
    load: async () => (await import('./quickstart.ts')).quickstartCommand(),
  },
  data: {
    group: start,
    summary: 'get and check data sets',
    load: async () => (await import('./data.ts')).dataCommand(),
  },
  init: {
    group: members,
    summary: 'create a federation: certificate authority and coordinator identity',
    load: async () => (await import('./init.ts')).initCommand(),
  },
  authority: {
    group: members,
    summary: 'run the certificate authority',
    load: async () => (await import('./authority.ts')).authorityCommand(),
  },
  invite: {
    group: members,
    summary: 'make a one-time invitation for a member',
    load: async () => (await import('./invite.ts')).inviteCommand(),
  },
  join: {
    group: members,
    summary: 'join a federation with an invitation',
    load: async () => (await import('./join.ts')).joinCommand(),
  },
  members: {
    group: members,
    summary: 'list the members',
    load: async () => (await import('./members.ts')).membersCommand(),
  },
  revoke: {
    group: members,
    summary: 'revoke a member, effective at its next request',
    load: async () => (await import('./revoke.ts')).revokeCommand(),
  },
  coordinator: {
    group: training,
    summary: 'run the coordinator',
    load: async () => (await import('./coordinator.ts')).coordinatorCommand(),
  },
  client: {
    group: training,
    summary: 'run the client of one organisation',
    load: async () => (await import('./client.ts')).clientCommand(),
  },
  task: {
    group: training,
    summary: 'check a task file',
    load: async () => (await import('./task.ts')).taskCommand(),
  },
  rules: {
    group: training,
    summary: 'the aggregation rules, and which hold for a cohort',
    load: async () => (await import('./rules.ts')).rulesCommand(),
  },
  groups: {
    group: training,
    summary: 'group sizes of secure aggregation compared for a cohort',
    load: async () => (await import('./groups.ts')).groupsCommand(),
  },
  standardise: {
    group: training,
    summary: 'find center and spread of the number columns from sums of all sites',
    load: async () => (await import('./standardise.ts')).standardiseCommand(),
  },
  run: {
    group: training,
    summary: 'train a task and follow its rounds',
    load: async () => (await import('./run.ts')).runCommand(),
  },
  status: {
    group: training,
    summary: 'what the coordinator is doing',
    load: async () => (await import('./status.ts')).statusCommand(),
  },
  runs: {
    group: training,
    summary: 'list the runs and their results',
    load: async () => (await import('./runs.ts')).runsCommand(),
  },
  stop: {
    group: training,
    summary: 'stop a run after its current step',
    load: async () => (await import('./stop.ts')).stopCommand(),
  },
  predict: {
    group: training,
    summary: 'apply a trained model to a table, to images or to a text',
    load: async () => (await import('./predict.ts')).predictCommand(),
  },
  privacy: {
    group: checks,
    summary: 'calculate what differential privacy costs: ε, noise, rounds',
    load: async () => (await import('./privacy.ts')).privacyCommand(),
  },
  simulate: {
    group: checks,
    summary: 'run a task in one process, with faults and attacks, on a virtual clock',
    load: async () => (await import('./simulate.ts')).simulateCommand(),
  },
  conformance: {
    group: checks,
    summary: 'check this build against published test vectors',
    load: async () => (await import('./conformance.ts')).conformanceCommand(),
  },
  bench: {
    group: checks,
    summary: 'measure this build on this machine',
    load: async () => (await import('./bench.ts')).benchCommand(),
  },
};
