// agw inspect upstreams: the tool servers behind the gateway, whether they answer, what they said of themselves, and how their tools stand.
import type { CommandContext, CommandSpec } from '../command.js';
import type { ExitCode } from '../failure.js';
import { printAnswer } from '../printing.js';
import { listOf } from '../reading.js';
import { upstreamCard, upstreamNotes, upstreamTable } from '../upstreams-view.js';

export const upstreamsCommands: readonly CommandSpec[] = [
  {
    path: 'inspect upstreams',
    summary: 'Tool servers: state, era, version, tools, open breakers, load, and what is wrong with them',
    detail: 'LIST is how long the last listing of its tools took. REQUESTS are what the gateway threads sent to it since they started; CONNECTIONS are those to its host and port.',
    options: [{ flags: '--wide', about: 'all that is known of each' }],
    examples: ['agw inspect upstreams', 'agw inspect upstreams --wide', 'agw inspect upstreams --json | jq \'.upstreams[] | select(.state != "up")\''],
    run: inspectUpstreams,
  },
];

async function inspectUpstreams(context: CommandContext): Promise<ExitCode> {
  const answer = await context.control().get('/v1/upstreams');
  printAnswer(context, answer, () => {
    const { terminal } = context;
    const upstreams = listOf(answer, 'upstreams');
    if (upstreams.length === 0) return terminal.print('no tools are registered, so there are no upstreams: agw tools add --from URL');
    if (context.flag('wide')) return terminal.print(upstreams.map((upstream) => upstreamCard(upstream, terminal.colors)).join('\n\n'));
    terminal.print(upstreamTable(upstreams, terminal));
    const notes = upstreams.flatMap((upstream) => upstreamNotes(upstream, terminal.colors));
    if (notes.length > 0) terminal.print(`\n${notes.join('\n')}`);
  });
  return 0;
}
