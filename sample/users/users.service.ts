import { Injectable } from '@nestjs/common';
import { passwordMatches } from './passwords.js';

export interface User {
  id: string;
  username: string;
  name: string;
  role: 'member' | 'admin';
  passwordHash: string;
}

/** The seeded list: `ada` / `analytical-engine` and `grace` / `nanosecond-wire`. */
const USERS: readonly User[] = [
  {
    id: 'user-1',
    username: 'ada',
    name: 'Ada Lovelace',
    role: 'admin',
    passwordHash: 'utSJB8TJAFueQInZr4tvaA.5QZhEQufPw0C_h8AfYJM-hYSZl_MeqZeZ3rJUUWJ4RU',
  },
  {
    id: 'user-2',
    username: 'grace',
    name: 'Grace Hopper',
    role: 'member',
    passwordHash: 'wrhLsKTMTasyhN4TAmFrlA.8CrNkGvgYPzA7JwmyzAvIDw-IsVjy_N6LSa0gxwdUdQ',
  },
];

/** Compared with when there is no such user, so that the time of an answer does not tell which user names exist. */
const NOBODY = 'tVptgcRziKaeqzPrbGx_Ww.meN7hU-FjaY2RucxSl0MSTTSLdHsuanEA4AU8tCAbks';

@Injectable()
export class UsersService {
  /** The user whose password this is, or null. */
  async authenticate(username: string, password: string): Promise<User | null> {
    const user = USERS.find((candidate) => candidate.username === username);
    const matches = await passwordMatches(password, user?.passwordHash ?? NOBODY);
    return user && matches ? user : null;
  }

  find(id: string): User | undefined {
    return USERS.find((user) => user.id === id);
  }
}
