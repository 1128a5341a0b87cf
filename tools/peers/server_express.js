// SPDX-License-Identifier: MIT
//
// server_express.js - GetUser as a JSON service of Express, with the users in Redis by ioredis.
//
// usage: server_express.js USERS REDIS-PORT, with NODE_PATH where express and ioredis are
// Prints its address. The text from Redis is passed on as it is, commands are pipelined by ioredis, and entity tags are
// off: the quick way to write it.
'use strict';

const express = require('express');
const Redis = require('ioredis');

const FIRST = 1000;
const count = Number(process.argv[2]);
const redis = new Redis({ host: '127.0.0.1', port: Number(process.argv[3]), enableAutoPipelining: true });
const app = express();
app.disable('etag');
app.disable('x-powered-by');

function user(number) {
  const id = `user-${number}`;
  const time = '2025-06-15T15:06:40.123Z';
  return {
    id,
    name: `User ${number}`,
    email: `${id}@example.com`,
    preference: number % 2 === 0 ? 'dark_mode' : 'light_mode',
    version: String(number - 996),
    createTime: time,
    updateTime: time,
  };
}

app.get('/users/:id', async (request, response) => {
  const text = await redis.get('json:' + request.params.id);
  if (text === null) {
    response.status(404).json({ error: 'no such user' });
    return;
  }
  response.type('application/json').send(text);
});

async function main() {
  const fill = redis.pipeline();
  for (let number = FIRST; number < FIRST + count; number++) {
    fill.set('json:user-' + number, JSON.stringify(user(number)));
  }
  await fill.exec();
  const server = app.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`));
  server.keepAliveTimeout = 0; // connections stay until the client ends
  process.on('SIGTERM', () => process.exit(0));
}

main();
