import type { SignInMessages } from './shape';

/** Russian: the sign-in page. */
export const signIn: SignInMessages = {
  title: 'Вход',
  heading: 'Вход',
  lead: 'Продолжите с того места, где остановились.',
  email: 'Адрес электронной почты',
  password: 'Пароль',
  submit: 'Войти',
  linkText: 'Пароля нет или он не под рукой? Тогда достаточно ссылки из письма.',
  linkButton: 'Прислать ссылку для входа',
  invited: 'Вас только что пригласили? Тогда просто откройте ссылку из письма.',
  errors: {
    'email-required': 'Введите адрес электронной почты.',
    'email-invalid': 'Это неполный адрес электронной почты. Пример: name@example.com.',
    'password-required': 'Введите пароль или запросите ссылку по почте.',
    'credentials-wrong': 'Адрес и пароль не подходят друг к другу. Попробуйте ещё раз.',
    'account-closed': 'Эта учётная запись закрыта.',
  },
};
