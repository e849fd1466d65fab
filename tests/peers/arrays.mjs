// What the scripts here share: modules of npm from any folder, and named arrays from stdin and to stdout.
// Arrays travel as one line of JSON, {name: {dtype, shape}}, and then their bytes one after the other.
import { readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const TYPES = { float32: Float32Array, uint8: Uint8Array, uint32: Uint32Array };

/** A file of a package in the folder that SPLATWORLD_NODE_MODULES names. */
export function load(file) {
  return import(pathToFileURL(path.join(process.env.SPLATWORLD_NODE_MODULES, file)));
}

/** A file as an ArrayBuffer of its own. */
export function read(file) {
  const bytes = readFileSync(file);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/** Print {name: [typed array, row size]}. */
export function send(arrays) {
  const head = {};
  const parts = [];
  for (const [name, [values, width]] of Object.entries(arrays)) {
    const dtype = { Float32Array: 'float32', Uint32Array: 'uint32' }[values.constructor.name] ?? 'uint8';
    head[name] = { dtype, shape: [values.length / width, width] };
    parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  }
  const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...parts]);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (why) {
      if (why.code !== 'EAGAIN') throw why; // the pipe is full
    }
  }
}

/** What `send` would have printed, from stdin: {name: typed array}. */
export function receive() {
  const bytes = readFileSync(0);
  const end = bytes.indexOf(10);
  const arrays = {};
  let at = end + 1;
  for (const [name, { dtype, shape }] of Object.entries(JSON.parse(bytes.subarray(0, end)))) {
    const size = shape.reduce((a, b) => a * b, 1) * TYPES[dtype].BYTES_PER_ELEMENT;
    arrays[name] = new TYPES[dtype](bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + size));
    at += size;
  }
  return arrays;
}
