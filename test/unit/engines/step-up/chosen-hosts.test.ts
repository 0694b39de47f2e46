// Hosts in a resource's URI: what the registered entry says is not the caller's choice, what it leaves open is.
import { describe, expect, it } from 'vitest';
import { UNREADABLE_HOST } from '../../../../src/engines/step-up/destination-host.js';
import { chosenHosts } from '../../../../src/engines/step-up/chosen-hosts.js';

describe('the hosts that a caller chooses by a URI', () => {
  it.each<[uri: string, entry: string]>([
    ['https://docs.example/a', 'https://docs.example/a'], ['https://docs.example/a', 'https://docs.example/{page}'], ['https://docs.example/a', 'https://docs.example/'],
    ['notes://today/1', 'notes://{day}/{n}'], ['notes://today', 'notes://'], ['file:///notes/a', 'file:///notes/{name}'], ['users://7/profile', 'users://{id}/profile'],
  ])('are none in %s under %s', (uri, entry) => {
    expect(chosenHosts(uri, entry)).toEqual([]);
  });

  it.each<[uri: string, entry: string, host: string]>([
    ['https://evil.example/a', 'https://{host}/{page}', 'evil.example'], ['https://docs.evil.example/a', 'https://docs.', 'docs.evil.example'], ['https://api.evil.example/a', 'https://api.{region}/a', 'api.evil.example'],
    ['fetch://https://evil.example/a', 'fetch://{+url}', 'evil.example'], ['fetch:///https%3A%2F%2Fevil.example%2Fa', 'fetch:///{url}', 'evil.example'],
    ['https://docs.example/a?from=https://evil.example/b', 'https://docs.example/', 'evil.example'], ['HTTPS://evil.example/a', 'HTTPS://', 'evil.example'],
    ['https://docs.example@evil.example/', 'https://{host}/', UNREADABLE_HOST],
  ])('are those that the entry leaves open: %s under %s', (uri, entry, host) => {
    expect(chosenHosts(uri, entry)).toEqual([host]);
  });
});
