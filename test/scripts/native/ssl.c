// The functions of OpenSSL that sslsniff looks at, without encryption.

int SSL_write(void *ssl, const void *data, int n)
{
	return n;
}

int SSL_read(void *ssl, void *data, int n)
{
	static const char answer[] = "200 OK";
	char *to = data;
	int i;

	for (i = 0; i < 6 && i < n; i++)
		to[i] = answer[i];
	return i;
}

int SSL_write_ex(void *ssl, const void *data, unsigned long n, unsigned long *written)
{
	*written = n;
	return 1;
}

int SSL_read_ex(void *ssl, void *data, unsigned long n, unsigned long *got)
{
	if (n == 0)
		return 0;
	*(char *)data = '!';
	*got = 1;
	return 1;
}
