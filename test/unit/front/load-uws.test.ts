// The uWebSockets.js loader: which file, the patch, what is refused, and that what is loaded serves.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { chooseUwsBinary, loadUws, readUwsHost } from '../../../src/front/load-uws.js';
import { patchUws, retargetToClassicGlibc, UwsBinaryError } from '../../../src/front/patch-uws.js';
import type { Uws, UwsApp, UwsListenSocket } from '../../../src/front/uws-types.js';

const packageDir = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
const scratch = mkdtempSync(join(tmpdir(), 'load-uws-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const linux = { platform: 'linux', arch: 'x64', abi: '115' };
const folder = (): string => mkdtempSync(join(scratch, 'f-'));
const linuxBinaries = readdirSync(packageDir).filter((name) => /^uws_linux_(x64|arm64)_(115|127|137)\.node$/.test(name));

describe('the choice of the binary', () => {
  it.each([
    ['2.36', true], ['2.37', true], ['2.38', false], ['2.39', false], ['2.41', false], ['3.0', false],
  ])('on glibc %s patches: %s', (glibc, patch) => {
    expect(chooseUwsBinary({ ...linux, glibc })).toMatchObject({ fileName: 'uws_linux_x64_115.node', patch });
  });

  it.each(['2.35', '2.31', '2.4', '1.99', undefined, ''])('refuses glibc %s', (glibc) => {
    expect(() => chooseUwsBinary({ ...linux, glibc })).toThrow(UwsBinaryError);
  });

  it('takes the file as shipped on macOS', () => {
    expect(chooseUwsBinary({ platform: 'darwin', arch: 'arm64', abi: '127', glibc: undefined })).toMatchObject({ fileName: 'uws_darwin_arm64_127.node', patch: false });
  });
});

describe('the patch', () => {
  it.each(linuxBinaries)('gives the known bytes for %s and touches few', (name) => {
    const shipped = readFileSync(join(packageDir, name));
    const patched = readFileSync(patchUws(packageDir, name, folder()));
    expect(patched.length).toBe(shipped.length);
    let changed = 0;
    for (let at = 0; at < shipped.length; at += 1) if (shipped[at] !== patched[at]) changed += 1;
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThan(32);
  });

  it('knows all six Linux binaries', () => {
    expect(linuxBinaries).toHaveLength(6);
  });

  it('refuses a binary with one flipped byte and writes nothing', () => {
    const packed = folder();
    const cache = folder();
    const name = 'uws_linux_x64_115.node';
    const bytes = readFileSync(join(packageDir, name));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(join(packed, name), bytes);
    expect(() => patchUws(packed, name, cache)).toThrow(UwsBinaryError);
    expect(readdirSync(cache)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('says in a person\'s words where the system lets nothing be written', () => {
    expect(() => patchUws(packageDir, 'uws_linux_x64_115.node', '/sys/precinct')).toThrow(UwsBinaryError);
    expect(() => patchUws(packageDir, 'uws_linux_x64_115.node', '/sys/precinct')).toThrow(/^\/sys\/precinct: can't mkdir, .+ \(E[A-Z]+\)\. [A-Z]/);
  });

  it('refuses a binary that is not in the table', () => {
    expect(() => patchUws(packageDir, 'uws_linux_x64_141.node', folder())).toThrow(UwsBinaryError);
    expect(() => patchUws(packageDir, '__proto__', folder())).toThrow(UwsBinaryError);
  });

  it('refuses what is no ELF file', () => {
    expect(() => retargetToClassicGlibc(Buffer.alloc(128))).toThrow(UwsBinaryError);
    expect(() => retargetToClassicGlibc(Buffer.from('\x7fELF'))).toThrow(UwsBinaryError);
  });

  it('replaces a damaged copy in the cache and leaves a good one alone', () => {
    const cache = folder();
    const name = 'uws_linux_x64_115.node';
    const file = patchUws(packageDir, name, cache);
    const good = createHash('sha256').update(readFileSync(file)).digest('hex');
    writeFileSync(file, 'damaged');
    expect(patchUws(packageDir, name, cache)).toBe(file);
    expect(createHash('sha256').update(readFileSync(file)).digest('hex')).toBe(good);
    expect(patchUws(join(scratch, 'no-such-package'), name, cache)).toBe(file);
    expect(readdirSync(cache)).toEqual([`patched_${name}`]);
  });
});

const listen = (uws: Uws, app: UwsApp, port: number): UwsListenSocket | false => {
  let socket: UwsListenSocket | false = false;
  app.listen('127.0.0.1', port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (opened) => { socket = opened; });
  return socket;
};

describe('what is loaded', () => {
  it('serves HTTP, without naming itself, and refuses a second exclusive bind', async () => {
    const { uws, because } = loadUws(folder());
    expect(because).toContain(chooseUwsBinary(readUwsHost()).fileName);
    uws._cfg('silent');
    const app = uws.App().any('/*', (response, request) => { response.end(request.getMethod()); });
    const other = uws.App();
    try {
      const socket = listen(uws, app, 0);
      if (socket === false) throw new Error('no port');
      const port = uws.us_socket_local_port(socket);
      const answer = await fetch(`http://127.0.0.1:${port}/x`, { method: 'PUT' });
      expect(await answer.text()).toBe('put');
      expect(answer.headers.get('uwebsockets')).toBeNull();
      expect(listen(uws, other, port)).toBe(false);
    } finally {
      app.close();
      other.close();
    }
  });

  it('loads in a worker thread', async () => {
    const host = readUwsHost();
    const choice = chooseUwsBinary(host);
    const file = join(folder(), choice.fileName);
    copyFileSync(choice.patch ? patchUws(packageDir, choice.fileName, folder()) : join(packageDir, choice.fileName), file);
    const worker = new Worker(`const uws = require(${JSON.stringify(file)}); const app = uws.App(); app.close(); require('node:worker_threads').parentPort.postMessage(typeof uws.SSLApp);`, { eval: true });
    const said = await new Promise((resolve, reject) => { worker.once('message', resolve).once('error', reject); });
    await worker.terminate();
    expect(said).toBe('function');
    expect(existsSync(file)).toBe(true);
  });
});
