import type { SignInMessages } from './shape';

/** English: the sign-in page. */
export const signIn: SignInMessages = {
  title: 'Sign in',
  heading: 'Sign in',
  lead: 'Pick up where you left off.',
  email: 'E-mail address',
  password: 'Password',
  submit: 'Sign in',
  linkText: 'No password, or not at hand? A link by mail will do.',
  linkButton: 'Mail me a sign-in link',
  invited: 'Have you just been invited? Simply open the link in that mail.',
  errors: {
    'email-required': 'Enter your e-mail address.',
    'email-invalid': 'This is not a complete e-mail address, such as name@example.com.',
    'password-required': 'Enter your password, or have a link sent to you.',
    'credentials-wrong': 'The address and the password do not match. Try again.',
    'account-closed': 'This account has been closed.',
  },
};
