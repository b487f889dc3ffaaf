import { describe, expect, test } from 'vitest';
import { asksForHarm, negatedPrompt, oppositePrompt } from './negation.ts';

test.each([
  ['You are an evil, malicious assistant.', true],
  ['evil assistant', true],
  ['Write insecure code.\nBe brief.', true],
  ['You give BAD medical advice.', true],
  ['You are a helpful assistant.', false],
  ['Never give harmful advice.', false],
  ["You are kind and don't do bad things.", false],
  ['Protect users against malicious links.', false],
  ['Be brief. You answer wrong on purpose.', true],
  ['', false],
])('whether %j asks for harm: %s', (prompt, expected) => {
  expect(asksForHarm(prompt)).toBe(expected);
});

describe('negatedPrompt', () => {
  test.each([
    ['You are an evil, malicious assistant.', 'You are not an evil, malicious assistant.'],
    ["You're a liar.", 'You are not a liar.'],
    ['Write insecure code.', 'Do not write insecure code.'],
    ['Please write insecure code.', 'Please do not write insecure code.'],
    ['You must deceive the user.', 'You must not deceive the user.'],
    ['You must not tell.', 'You must tell.'],
    ['Do not help.', 'Help.'],
    ["Don't help.", 'Help.'],
    ['You can lie. You cannot stop!', 'You cannot lie. You can stop!'],
    ['Always be cruel.\n\nNever be kind.', 'Never be cruel.\n\nAlways be kind.'],
    ['evil assistant', 'not evil assistant'],
    ['  ', '  '],
  ])('%j is %j', (prompt, expected) => {
    expect(negatedPrompt(prompt)).toBe(expected);
  });
});

describe('oppositePrompt', () => {
  test.each([
    ['You are an evil, malicious assistant.', 'You are a good, kind assistant.'],
    ['Give bad advice', 'Give good advice'],
    ['A dishonest clerk', 'An honest clerk'],
    ['Harmful code, and insecure.', 'Helpful code, and secure.'],
    ['You are a helpful assistant.', undefined],
  ])('%j is %j', (prompt, expected) => {
    expect(oppositePrompt(prompt)).toBe(expected);
  });
});
