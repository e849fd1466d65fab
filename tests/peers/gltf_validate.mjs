// Khronos' validator: node gltf_validate.mjs FILE. Prints the report as JSON.
import { readFileSync } from 'node:fs';
import { load } from './arrays.mjs';

const validator = (await load('gltf-validator/index.js')).default;
const options = { maxIssues: 1000, writeTimestamp: false };
console.log(JSON.stringify(await validator.validateBytes(new Uint8Array(readFileSync(process.argv[2])), options)));
