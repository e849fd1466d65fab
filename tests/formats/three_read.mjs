// Reads a splat file with three.js: node three_read.mjs NODE_MODULES FILE. Prints positions, covariances and colours.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, file] = process.argv.slice(2);
const names = { '.ply': 'GaussianSplatPLYLoader', '.splat': 'SPLATLoader', '.spz': 'SPZLoader' };
const name = names[path.extname(file)];
const home = pathToFileURL(path.join(modules, 'three/examples/jsm/loaders', `${name}.js`));
const loader = new (await import(home))[name]();
const bytes = readFileSync(file);
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const geometry = await loader.parse(buffer);
const values = (key) => Array.from(geometry.getAttribute(key).array);
console.log(JSON.stringify({ position: values('position'), covariance: values('covariance'), color: values('color') }));
